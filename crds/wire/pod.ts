// What a pod of a job finds around it: variables, folders, files. The operator sets them,
// supervisor, prepare and publish read them; a name that is spelled here is spelled nowhere else.
import * as z from 'zod';

/** Oldest and newest version of the records on the bus that this build speaks. */
export const protocol = { oldest: 1, newest: 1 } as const;

export const podVariable = {
  jobName: 'ANNEAL_JOB_NAME',
  jobNamespace: 'ANNEAL_JOB_NAMESPACE',
  jobUid: 'ANNEAL_JOB_UID',
  /** SHA-256 of the plan file; another content is refused with exit 64. */
  planDigest: 'ANNEAL_PLAN_SHA256',
  /** JSON of the fields that may change while workers run, as they were when the pod was made. */
  live: 'ANNEAL_LIVE',
  workerRevision: 'ANNEAL_WORKER_REVISION',
  workerIndex: 'ANNEAL_WORKER_INDEX',
  /** Workers of the revision when it was made. */
  workerCount: 'ANNEAL_WORKER_COUNT',
  podName: 'ANNEAL_POD_NAME',
  podUid: 'ANNEAL_POD_UID',
  podIp: 'ANNEAL_POD_IP',
  nodeName: 'ANNEAL_NODE_NAME',
  /** Absent where the cluster has no bus: one worker, no restarts in place. */
  natsUrl: 'ANNEAL_NATS_URL',
  /** `oldest-newest`, as in `protocol`. */
  protocol: 'ANNEAL_PROTOCOL',
  /** JSON: claim name to the folder where it is mounted. */
  volumes: 'ANNEAL_VOLUMES',
  /**
   * JSON: source of the spec (`model`, `train`, `eval`) to the folder where its image is mounted.
   */
  images: 'ANNEAL_IMAGES',
  /** JSON list of `secretVariable`. */
  secrets: 'ANNEAL_SECRETS',
  /** Folder of the run: run-folder.ts. */
  runFolder: 'ANNEAL_RUN_FOLDER',
  /** Models, token stores, digests that a later job can use too. */
  cache: 'ANNEAL_CACHE',
  /** Run of another job that put in place what this one trains on: beside its own folder. */
  preparedBy: 'ANNEAL_PREPARED_BY',
  traceparent: 'TRACEPARENT',
} as const;

/**
 * Name of the folder of a run. The UID keeps a later job of the same name away from what this one
 * left.
 */
export function runName({ name, uid }: { readonly name: string; readonly uid: string }): string {
  return `${name}-${uid.slice(0, 8)}`;
}

/** Where a key of a Secret is found: kubelet puts it into one variable of one container. */
export const secretVariable = z.object({ name: z.string(), key: z.string(), variable: z.string() });
export type SecretVariable = z.output<typeof secretVariable>;

export const podPath = {
  planFolder: '/etc/anneal/plan',
  planFile: 'plan.json',
  /** Beside it, where the bus has an authority of its own. */
  authorityFile: 'ca.crt',
  /** Service-account token for the bus, with the job as its audience; rotated by kubelet. */
  tokenFolder: '/var/run/secrets/anneal.dev',
  tokenFile: 'bus-token',
  /** Below it, a folder per claim. */
  volumes: '/volumes',
  /** Below it, a folder per source of the spec that is an image. */
  images: '/images',
  /** Disk of the node: working space, and the cache where no volume is shared. */
  scratch: '/var/cache/anneal',
  temporary: '/tmp',
  sharedMemory: '/dev/shm',
} as const;

/** Below a claim that the job may write to: what jobs leave there beside their results. */
export const sharedFolder = { runs: '.anneal/runs', cache: '.anneal/cache' } as const;

/** Audience of the token, from which the bus takes the one job that its bearer may touch. */
export function busAudience(group: string, namespace: string, name: string, uid: string): string {
  return `${group}/${namespace}/${name}/${uid}`;
}

/**
 * Audience of a token by which a person reads what the jobs of a namespace say, and writes nothing.
 */
export function viewAudience(group: string, namespace: string): string {
  return `${group}/view/${namespace}`;
}

/** Argument of the image's entry point. */
export const podRole = { prepare: 'prepare', supervise: 'supervise', publish: 'publish' } as const;

export const containerName = { worker: 'worker', prepare: 'prepare', publish: 'publish' } as const;

export const podPort = {
  metrics: 9400,
  /** Where the trainer of rank 0 serves the store by which the ranks find each other. */
  store: 29_400,
  /** Where supervisors serve copies of the state to each other. */
  copies: 29_401,
} as const;
