// Variables of a container: the contract of crds/wire/pod.ts, then the job's own.
import type { V1EnvVar } from '@kubernetes/client-node';
import { splitLive } from '../../crds/plan/live.ts';
import { traceOfJob, traceparentOf } from '../../crds/trace/context.ts';
import {
  podPath,
  podVariable,
  protocol,
  runName,
  type SecretVariable,
  sharedFolder,
} from '../../crds/wire/pod.ts';
import type { BuiltJob } from './child.ts';
import { type PodRole, type References, referencesOf } from './references.ts';
import type { PodSettings } from './settings.ts';
import { folderOfClaim, folderOfImage } from './volumes.ts';

export interface WorkerEnvironment {
  readonly workerRevision: number;
  readonly replicas: number;
  /** Run that put model and data in place, where it was not the job's own. */
  readonly preparedBy?: string | undefined;
}

export function environmentOf(
  job: BuiltJob,
  role: PodRole,
  settings: PodSettings,
  worker?: WorkerEnvironment,
): V1EnvVar[] {
  const references = referencesOf(job);
  const { secrets, variables } = secretsFor(references, role);
  return [
    { name: podVariable.jobName, value: job.name },
    { name: podVariable.jobNamespace, value: job.namespace },
    { name: podVariable.jobUid, value: job.uid },
    { name: podVariable.planDigest, value: job.planDigest },
    { name: podVariable.live, value: JSON.stringify(splitLive(job.spec).live) },
    { name: podVariable.protocol, value: `${protocol.oldest}-${protocol.newest}` },
    ...folders(job, references, role),
    ...fromPod,
    ...(worker === undefined ? [] : workerVariables(worker)),
    ...(role === 'worker' && job.spec.worker.devicesPerWorker > 0 ? [deviceOrder] : []),
    ...(settings.bus === undefined ? [] : [{ name: podVariable.natsUrl, value: settings.bus.url }]),
    ...traceVariables(job, settings),
    ...(settings.hubEndpoint === undefined || role === 'worker'
      ? []
      : [{ name: 'HF_ENDPOINT', value: settings.hubEndpoint }]),
    ...(secrets.length === 0
      ? []
      : [{ name: podVariable.secrets, value: JSON.stringify(secrets) }]),
    ...variables,
    ...(role === 'worker' ? (job.spec.worker.env ?? []) : []),
  ];
}

/** Spans of all pods of a job go below the one of the job, which the operator sends. */
function traceVariables(job: BuiltJob, { traces }: PodSettings): readonly V1EnvVar[] {
  if (traces === undefined || job.spec.observability.traceSampling === 'None') return [];
  const context = traceOfJob(job.uid, job.traceparent).job;
  return [
    { name: podVariable.traceparent, value: traceparentOf(context) },
    { name: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', value: traces.endpoint },
  ];
}

/** CUDA counts devices as nvidia-smi does. */
const deviceOrder: V1EnvVar = { name: 'CUDA_DEVICE_ORDER', value: 'PCI_BUS_ID' };

/** Facts that only kubelet knows. */
const fromPod: readonly V1EnvVar[] = [
  fieldVariable(podVariable.podName, 'metadata.name'),
  fieldVariable(podVariable.podUid, 'metadata.uid'),
  fieldVariable(podVariable.podIp, 'status.podIP'),
  fieldVariable(podVariable.nodeName, 'spec.nodeName'),
];

function workerVariables({
  workerRevision,
  replicas,
  preparedBy,
}: WorkerEnvironment): readonly V1EnvVar[] {
  return [
    ...(preparedBy === undefined ? [] : [{ name: podVariable.preparedBy, value: preparedBy }]),
    { name: podVariable.workerRevision, value: String(workerRevision) },
    { name: podVariable.workerCount, value: String(replicas) },
    fieldVariable(
      podVariable.workerIndex,
      "metadata.labels['batch.kubernetes.io/job-completion-index']",
    ),
  ];
}

function fieldVariable(name: string, fieldPath: string): V1EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

function folders(job: BuiltJob, references: References, role: PodRole): readonly V1EnvVar[] {
  const claims = references.claims.filter((use) => use.role === role);
  const volumes = Object.fromEntries(
    claims.map(({ claimName }) => [claimName, folderOfClaim(claimName)]),
  );
  const images = Object.fromEntries(
    references.images
      .filter((use) => use.role === role)
      .map(({ field }) => [field, folderOfImage(field)]),
  );
  const root = references.shared === undefined ? undefined : folderOfClaim(references.shared);
  const run = runName(job);
  return [
    { name: podVariable.volumes, value: JSON.stringify(volumes) },
    { name: podVariable.images, value: JSON.stringify(images) },
    {
      name: podVariable.runFolder,
      value: root === undefined ? `${podPath.scratch}/run` : `${root}/${sharedFolder.runs}/${run}`,
    },
    {
      name: podVariable.cache,
      value: root === undefined ? `${podPath.scratch}/cache` : `${root}/${sharedFolder.cache}`,
    },
  ];
}

/** Of a pod that reads a source for itself: where its image is, and its credentials. */
export function sourceVariables(
  references: References,
  { hubEndpoint }: Pick<PodSettings, 'hubEndpoint'>,
): readonly V1EnvVar[] {
  const { secrets, variables } = secretsFor(references, 'prepare');
  const images = references.images.map(({ field }) => [field, folderOfImage(field)]);
  return [
    { name: podVariable.images, value: JSON.stringify(Object.fromEntries(images)) },
    { name: podVariable.secrets, value: JSON.stringify(secrets) },
    ...variables,
    ...(hubEndpoint === undefined ? [] : [{ name: 'HF_ENDPOINT', value: hubEndpoint }]),
  ];
}

interface SecretVariables {
  readonly secrets: readonly SecretVariable[];
  readonly variables: readonly V1EnvVar[];
}

/** Each key in a variable of its own; the list says which is which. */
function secretsFor(references: References, role: PodRole): SecretVariables {
  const uses = new Map(
    references.secrets
      .filter((use) => use.role === role)
      .map((use) => [`${use.name}/${use.key}`, use] as const),
  );
  const numbered = [...uses.values()].map((use, index) => ({
    ...use,
    variable: `ANNEAL_SECRET_${index}`,
  }));
  return {
    secrets: numbered.map(({ name, key, variable }) => ({ name, key, variable })),
    variables: numbered.map(({ name, key, optional, variable }) => ({
      name: variable,
      valueFrom: { secretKeyRef: { name, key, ...(optional ? { optional } : {}) } },
    })),
  };
}
