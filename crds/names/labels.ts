// Every label, annotation and finalizer that the project writes or reads. Defined only here.
import { group } from './group.ts';

export const label = {
  jobName: `${group}/job-name`,
  jobUid: `${group}/job-uid`,
  component: `${group}/component`,
  /** On what belongs to an AdapterServer. */
  serverName: `${group}/server-name`,
  serverUid: `${group}/server-uid`,
  /** On what belongs to a Federation or a FederationPeer; the component says to which. */
  federationName: `${group}/federation-name`,
  federationUid: `${group}/federation-uid`,
  /** On what belongs to a TrainingPool. */
  poolName: `${group}/pool-name`,
  poolUid: `${group}/pool-uid`,
  workerRevision: `${group}/worker-revision`,
  /** Number of an init or publish Job. */
  attempt: `${group}/attempt`,
  /** On a pod, and on the NetworkPolicy that selects it: values of `Network`. */
  network: `${group}/network`,
} as const;

export const annotation = {
  planDigest: `${group}/plan-sha256`,
  traceparent: `${group}/traceparent`,
  /** On a job: identifies a request to save during training; another value is another request. */
  save: `${group}/save`,
  /** On an object that may change: digest of the content that was last applied. */
  content: `${group}/content-sha256`,
  /** On the Job of a federation or a pool: the generation of the object that it runs. */
  generation: `${group}/generation`,
  /** On an init Job: digest of the model and data to prepare. */
  prepareDigest: `${group}/prepare-sha256`,
} as const;

export const finalizer = `${group}/cleanup`;

/** Field managers of server-side apply. */
export const fieldManager = {
  controller: 'anneal-controller',
  progress: 'anneal-progress',
} as const;

/** Values of `label.component`. */
export const Component = { Init: 'init', Worker: 'worker', Publish: 'publish' } as const;
export type Component = (typeof Component)[keyof typeof Component];

/** Value of `label.component` on pods of an AdapterServer. */
export const serverComponent = 'server';

/** Value of `label.component` on what belongs to a TrainingPool. */
export const poolComponent = 'pool';

/** Values of `label.component` on what belongs to a Federation, and to a FederationPeer. */
export const partyComponent = { hub: 'federation-hub', client: 'federation-client' } as const;

/** Values of `label.network`: pods that train, and pods that prepare or publish. */
export const Network = { Worker: 'worker', Io: 'io' } as const;
export type Network = (typeof Network)[keyof typeof Network];

export const queueLabel = 'kueue.x-k8s.io/queue-name';
export const priorityClassLabel = 'kueue.x-k8s.io/priority-class';

/**
 * Prefixes that a user may not set on workers: they belong to the project, to Kubernetes or to the
 * queue.
 */
export const reservedLabelPrefixes: readonly string[] = [
  `${group}/`,
  'kubernetes.io/',
  'k8s.io/',
  'kueue.x-k8s.io/',
];
