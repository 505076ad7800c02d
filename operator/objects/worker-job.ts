// The Indexed Job of one revision of workers. It is created once with its whole template and never
// applied again: a queue writes into it too. Another template is another revision.
import type { V1Job } from '@kubernetes/client-node';
import { childName } from '../../crds/names/child-names.ts';
import { Component, label } from '../../crds/names/labels.ts';
import { parseQuantity, type Quantity } from '../../crds/schema/quantity.ts';
import { podPort } from '../../crds/wire/pod.ts';
import { type BuiltJob, labelsOf, metadataOf } from './child.ts';
import { deviceRequirements, deviceTolerations, runtimeClassOf } from './devices.ts';
import { backoffLimit, podFailurePolicy } from './failure-policy.ts';
import { networkLabels } from './network-policy.ts';
import { type GangFlavour, gangMembership } from './pod-group.ts';
import { memoryBytes, podSpec } from './pod-template.ts';
import { preparesInWorker } from './preparation.ts';
import { type PlannedMemory, preparationResources, workerResources } from './resources.ts';
import {
  affinityOf,
  queueAnnotations,
  queueLabels,
  tolerationsOf,
  topologyAnnotations,
} from './scheduling.ts';
import type { Sent } from './sent.ts';
import { hasService } from './service.ts';
import type { PodSettings } from './settings.ts';

interface WorkerJobFacts {
  readonly job: BuiltJob;
  readonly settings: PodSettings;
  readonly workerRevision: number;
  readonly replicas: number;
  readonly gang: GangFlavour | undefined;
  readonly excludedNodes: readonly string[];
  /** How often the memory was raised by a quarter. */
  readonly grown: number;
  readonly trainedParameters: number | undefined;
  readonly planned?: PlannedMemory | undefined;
  /** Least memory of a device, where not all nodes have it. */
  readonly leastDevice?: Quantity | undefined;
  /** Run of another job that put model and data in place. */
  readonly preparedBy?: string | undefined;
}

const growth = 1.25;

export function workerJob(facts: WorkerJobFacts) {
  const { job, workerRevision, replicas } = facts;
  const { spec } = job;
  const network = networkLabels(job, Component.Worker, facts.settings);
  const revisionLabel = { [label.workerRevision]: String(workerRevision), ...network };
  const limit = backoffLimit(spec.failurePolicy, replicas);
  return {
    metadata: metadataOf(job, childName.workers(job.name, workerRevision), Component.Worker, {
      labels: { ...revisionLabel, ...queueLabels(job) },
      annotations: queueAnnotations(job),
    }),
    spec: {
      completionMode: 'Indexed',
      completions: replicas,
      parallelism: replicas,
      suspend: spec.scheduling.queueName !== undefined,
      backoffLimit: limit,
      // Its pause before a new pod doubles with each that was lost: with those of the same index,
      // not of the whole Job.
      backoffLimitPerIndex: limit,
      podReplacementPolicy: 'Failed',
      podFailurePolicy: podFailurePolicy(spec.failurePolicy),
      template: workerTemplate(facts, revisionLabel),
    },
  } satisfies Sent<Pick<V1Job, 'metadata' | 'spec'>>;
}

function workerTemplate(facts: WorkerJobFacts, revisionLabel: Readonly<Record<string, string>>) {
  const { job, settings, workerRevision, replicas, gang, excludedNodes } = facts;
  const { worker } = job.spec;
  const { trainedParameters } = facts;
  const resources = workerResources(job, settings, {
    planned: facts.planned,
    sharedBytes: sharedBytes(facts),
    factor: growth ** facts.grown,
  });
  const pod = podSpec({
    job,
    role: 'worker',
    settings,
    worker: { workerRevision, replicas, preparedBy: facts.preparedBy },
    trainedParameters,
    preparation: preparesInWorker(job, settings)
      ? preparationResources(settings, resources)
      : undefined,
  });
  const member = gangMembership(gang, childName.workers(job.name, workerRevision), settings);
  const requirements = deviceRequirements(worker, settings, facts.leastDevice);
  const affinity = affinityOf(job, { excludedNodes, requirements });
  const [container] = pod.containers;
  return {
    metadata: {
      labels: {
        ...worker.labels,
        ...labelsOf(job, Component.Worker),
        ...revisionLabel,
        ...member.labels,
      },
      annotations: {
        ...worker.annotations,
        ...topologyAnnotations(job),
        ...member.annotations,
        ...meshExclusion,
      },
    },
    spec: {
      ...pod,
      ...member.spec,
      ...optional(worker, settings),
      ...(affinity === undefined ? {} : { affinity }),
      ...(hasService(job.spec) ? { subdomain: childName.service(job.name) } : {}),
      tolerations: tolerationsOf(job, deviceTolerations(worker, settings)),
      terminationGracePeriodSeconds: worker.terminationGracePeriodSeconds,
      containers: [
        {
          ...container,
          resources,
          ports: [{ name: 'metrics', containerPort: podPort.metrics }],
          startupProbe: { ...probe('/healthz'), periodSeconds: 2, failureThreshold: 150 },
          readinessProbe: { ...probe('/readyz'), periodSeconds: 5, failureThreshold: 3 },
        },
      ],
    },
  };
}

function sharedBytes({ job, trainedParameters }: WorkerJobFacts): number {
  const { sharedMemorySize } = job.spec.worker;
  return sharedMemorySize === undefined
    ? memoryBytes({ job, trainedParameters })
    : parseQuantity(sharedMemorySize);
}

/**
 * The supervisor answers while its trainer restarts: a restart in place must not make the pod
 * unready.
 */
function probe(path: string) {
  return { httpGet: { path, port: 'metrics' }, timeoutSeconds: 3 };
}

/** A proxy between workers breaks their collectives. */
const meshExclusion = {
  'traffic.sidecar.istio.io/includeInboundPorts': '',
  'linkerd.io/inject': 'disabled',
  'sidecar.istio.io/inject': 'false',
} as const;

function optional(worker: BuiltJob['spec']['worker'], settings: PodSettings) {
  const { nodeSelector, priorityClassName, resourceClaims, topologySpreadConstraints } = worker;
  const runtimeClassName = runtimeClassOf(worker, settings);
  return {
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
    ...(runtimeClassName === undefined ? {} : { runtimeClassName }),
    ...(topologySpreadConstraints === undefined ? {} : { topologySpreadConstraints }),
    ...(resourceClaims === undefined ? {} : { resourceClaims }),
  };
}
