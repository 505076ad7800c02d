// `anneal cancel --delete-data`: removes what a job has written in volumes, with a Job on the
// cluster that mounts them. Its pod has the image and the permissions of the job's pods, and no
// more.
import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import { label, TerminalError, TransientError } from '../../../crds/index.ts';
import { podPath } from '../../../crds/wire/pod.ts';
import { listAll } from '../../client/kube-watch.ts';
import type { ClusterSource } from '../../jobs/cluster-source.ts';
import {
  type ChildJob,
  childJob,
  dataLocationsOf,
  uriOf,
  type VolumePath,
} from '../../jobs/data-locations.ts';
import type { Job } from '../../jobs/job.ts';
import { seconds } from '../../terminal/numbers.ts';

/** The data to remove, and the Job that removes it. */
interface Erasure {
  readonly volumes: readonly VolumePath[];
  readonly elsewhere: readonly string[];
  /** Undefined where nothing is in a volume. */
  readonly manifest: object | undefined;
}

interface Erasing {
  readonly source: ClusterSource;
  readonly job: Job;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const pollMs = 500;
/** The Job deletes itself after it ends. */
const keepSeconds = 60;

/** A dry run on the server: a job must not be cancelled if its data then cannot be removed. */
export async function prepareErasure({ source, job, signal }: Omit<Erasing, 'timeoutMs'>) {
  const { namespace, uid } = job;
  const selection = { path: jobsPath(namespace), labelSelector: `${label.jobUid}=${uid}` };
  const { objects } = await listAll(source.kube, selection, signal);
  const children = objects.flatMap((object) => {
    const parsed = childJob.safeParse(object);
    return parsed.success ? [parsed.data] : [];
  });
  const locations = dataLocationsOf(job, children);
  const [child] = children;
  if (locations.volumes.length > 0 && child === undefined) throw noPod(job, locations.volumes);
  const isNeeded = locations.volumes.length > 0 && child !== undefined;
  const manifest = isNeeded ? eraseJob(job, child, locations.volumes) : undefined;
  if (manifest !== undefined) {
    const asked = { verb: 'POST', path: jobsPath(namespace), body: manifest } as const;
    await source.kube.send({ ...asked, query: { dryRun: 'All' } }, signal);
  }
  const erasure: Erasure = { ...locations, manifest };
  return erasure;
}

/**
 * After the job is gone: waits until its last pod, which may still write, has ended, then until
 * everything is removed.
 */
export async function erase({ source, job, timeoutMs, signal }: Erasing, { manifest }: Erasure) {
  if (manifest === undefined) return;
  const { namespace, name, uid } = job;
  const limit = AbortSignal.timeout(timeoutMs);
  const both = AbortSignal.any([signal, limit]);
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    while (!(await holds())) {
      await wait(pollMs, undefined, { signal: both }).catch(() => undefined); // checked below
      signal.throwIfAborted();
      if (limit.aborted) throw late(name, timeoutMs);
    }
  };
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const labelSelector = `${label.jobUid}=${uid}`;
  await until(async () => {
    const { objects } = await listAll(source.kube, { path: pods, labelSelector }, signal);
    return objects.every(hasEnded);
  });
  const path = jobsPath(namespace);
  const made = madeJob.parse(
    await source.kube.send({ verb: 'POST', path, body: manifest }, signal),
  );
  await until(async () => {
    const one = `${path}/${made.metadata.name}`;
    const { status } = madeJob.parse(await source.kube.send({ verb: 'GET', path: one }, signal));
    const failed = status.conditions.find((is) => is.type === 'Failed' && is.status === 'True');
    if (failed !== undefined) throw notErased(name, made.metadata.name, failed.message);
    return status.succeeded > 0;
  });
}

/** An ended pod no longer writes; the garbage collector removes its object later. */
function hasEnded(object: object): boolean {
  const { data } = podRecord.safeParse(object);
  return data?.status.phase === 'Succeeded' || data?.status.phase === 'Failed';
}

const podRecord = z.object({ status: z.object({ phase: z.string() }) });
const madeJob = z.object({
  metadata: z.object({ name: z.string() }),
  status: z
    .object({
      succeeded: z.number().default(0),
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), message: z.string().default('') }))
        .default([]),
    })
    .default({ succeeded: 0, conditions: [] }),
});

const jobsPath = (namespace: string) => `/apis/batch/v1/namespaces/${namespace}/jobs`;

/** Script of the pod: removes each argument with everything below it. */
const script =
  'for (const p of process.argv.slice(1)) fs.rmSync(p, { recursive: true, force: true })';

function eraseJob({ name, uid }: Job, { spec }: ChildJob, volumes: readonly VolumePath[]): object {
  const { containers, securityContext, imagePullSecrets } = spec.template.spec;
  const [like] = containers;
  const claims = [...new Set(volumes.map(({ claimName }) => claimName))];
  const nameOf = (claim: string) => `claim-${claims.indexOf(claim)}`;
  const folders = volumes.map(({ claimName, path }) => `${podPath.volumes}/${claimName}/${path}`);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${name.slice(0, 40)}-erase-${uid.slice(0, 8)}`,
      labels: { 'app.kubernetes.io/name': 'anneal', 'app.kubernetes.io/component': 'erase' },
    },
    spec: {
      backoffLimit: 2,
      ttlSecondsAfterFinished: keepSeconds,
      template: {
        spec: {
          restartPolicy: 'Never',
          enableServiceLinks: false,
          automountServiceAccountToken: false,
          securityContext,
          imagePullSecrets,
          containers: [
            {
              name: 'erase',
              image: like?.image,
              imagePullPolicy: like?.imagePullPolicy,
              securityContext: like?.securityContext,
              command: ['node', '-e', script, ...folders],
              resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } },
              volumeMounts: claims.map((claim) => ({
                name: nameOf(claim),
                mountPath: `${podPath.volumes}/${claim}`,
              })),
            },
          ],
          volumes: claims.map((claimName) => ({
            name: nameOf(claimName),
            persistentVolumeClaim: { claimName },
          })),
        },
      },
    },
  };
}

function noPod({ name }: Job, volumes: readonly VolumePath[]): TerminalError {
  return new TerminalError({
    code: 'E_CONFLICT',
    message: `the data of ${name} cannot be removed: none of its Jobs is left to take the image and volumes from`,
    hint: `remove manually: ${volumes.map(uriOf).join(', ')}`,
  });
}

function late(name: string, timeoutMs: number): TransientError {
  return new TransientError({
    code: 'E_TIMEOUT',
    message: `${name} is cancelled, and its data was not removed within ${seconds(timeoutMs / 1000)}`,
    hint: 'kubectl get jobs -l app.kubernetes.io/component=erase shows the Job that removes it',
  });
}

function notErased(name: string, eraser: string, message: string): TerminalError {
  return new TerminalError({
    code: 'E_CONFLICT',
    message: `${name} is cancelled, and its data was not removed: ${message}`,
    hint: `kubectl logs job/${eraser} shows why`,
  });
}
