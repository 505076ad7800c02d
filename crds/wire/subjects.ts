// Every name on the bus. A job is `<namespace>.<uid>` in each of them, so that a right can be
// derived from a namespace alone, and so that a name used again by a later job reads nothing of the
// earlier one. Where it is kept, the cluster stands before it: operators of two clusters on one bus
// know their own from the other's. Pods and people need not know it; a UID is there once.

export interface JobOnBus {
  readonly namespace: string;
  readonly uid: string;
}

/** A pod of a job, as its requests name it. */
export interface PodOnBus {
  readonly job: JobOnBus;
  /** Of the worker; 0 for a pod that prepares or publishes. */
  readonly index: number;
  readonly uid: string;
}

/** Key-value buckets. A key begins with the cluster, which who opens the bucket names once. */
export const bucket = { state: 'anneal_state' } as const;

export const heartbeatSeconds = 3;
/** Values of a key that are kept: who opened which round, for a person who looks later. */
export const stateHistory = 8;

export const stream = {
  metrics: 'ANNEAL_METRICS',
  logs: 'ANNEAL_LOGS',
  events: 'ANNEAL_EVENTS',
} as const;

export type StreamName = keyof typeof stream;
/** What a pod says, by the stream that keeps it: a word of each subject. */
const spoken = { metrics: 'metric', logs: 'log', events: 'event' } as const;

/** Subjects that a stream keeps. */
export const streamSubjects: Readonly<Record<StreamName, string>> = {
  metrics: 'anneal.v1.*.*.*.metric.*',
  logs: 'anneal.v1.*.*.*.log.*',
  events: 'anneal.v1.*.*.*.event.*',
};

/**
 * The server says by itself, to whoever may listen, that a record has changed, and that a message
 * is kept.
 */
export const republished = {
  records: { src: `$KV.${bucket.state}.>`, dest: 'anneal.told.>' },
  messages: { src: 'anneal.v1.>', dest: 'anneal.kept.>', headers_only: true },
} as const;

export const keys = {
  job: (job: JobOnBus) => `${jobPrefix(job)}.job`,
  state: (job: JobOnBus) => `${jobPrefix(job)}.state`,
  desired: (job: JobOnBus) => `${jobPrefix(job)}.desired`,
  world: (job: JobOnBus, round: number, index: number) =>
    `${jobPrefix(job)}.world.${round}.${index}`,
  member: (job: JobOnBus, round: number, index: number) =>
    `${jobPrefix(job)}.member.${round}.${index}`,
  ack: (job: JobOnBus, round: number, index: number) => `${jobPrefix(job)}.ack.${round}.${index}`,
  /** Everything of a job in a bucket. */
  all: (job: JobOnBus) => `${jobPrefix(job)}.>`,
} as const;

export const subjects = {
  /** Where a message of a pod is kept. */
  message: (cluster: string, job: JobOnBus, name: StreamName, index: number) =>
    `anneal.v1.${cluster}.${jobPrefix(job)}.${spoken[name]}.${index}`,
  messages: (cluster: string, job: JobOnBus, name: StreamName) =>
    `anneal.v1.${cluster}.${jobPrefix(job)}.${spoken[name]}.*`,
  all: (cluster: string, job: JobOnBus) => `anneal.v1.${cluster}.${jobPrefix(job)}.>`,
  /** Of all jobs of a cluster. */
  metrics: (cluster: string) => `anneal.v1.${cluster}.*.*.metric.*`,
  told: (job: JobOnBus) => `anneal.told.*.${jobPrefix(job)}.>`,
  kept: (job: JobOnBus, name: StreamName) => `anneal.kept.*.${jobPrefix(job)}.${spoken[name]}.*`,
  heartbeat: ({ job, index, uid }: PodOnBus) =>
    `anneal.heartbeat.${jobPrefix(job)}.${index}.${uid}`,
  heartbeats: (job: JobOnBus) => `anneal.heartbeat.${jobPrefix(job)}.*.*`,
  /** Requests to the gateway: about records, to keep a message, to read what is kept. */
  ask: ({ job, index, uid }: PodOnBus, what: string) =>
    `anneal.ask.${jobPrefix(job)}.${index}.${uid}.${what}`,
  tell: ({ job, index, uid }: PodOnBus, name: StreamName) =>
    `anneal.tell.${jobPrefix(job)}.${index}.${uid}.${name}`,
  view: (job: JobOnBus, what: string) => `anneal.view.${jobPrefix(job)}.${what}`,
} as const;

/** Beginnings of the subjects to which answers go. */
export const inbox = {
  pod: ({ job, uid }: Omit<PodOnBus, 'index'>) => `_INBOX.pod.${jobPrefix(job)}.${uid}`,
  view: (namespace: string) => `_INBOX.view.${namespace}`,
} as const;

/** What a key of the state bucket is about; undefined for a key that is none of ours. */
export function parseKey(key: string): (JobOnBus & { readonly what: string }) | undefined {
  const [namespace, uid, ...rest] = key.split('.');
  if (!namespace || !uid || rest.length === 0) return undefined;
  return { namespace, uid, what: rest.join('.') };
}

/** The job of a subject under which a message is kept. */
export function parseSubject(subject: string): JobOnBus | undefined {
  const [head, version, , namespace, uid] = subject.split('.');
  if (head !== 'anneal' || version !== 'v1' || !namespace || !uid) return undefined;
  return { namespace, uid };
}

/** Whose heartbeat it is: the server lets a pod publish its own alone. */
export function parseHeartbeat(subject: string): Omit<PodOnBus, 'job'> | undefined {
  const [, , , , index = '', uid = ''] = subject.split('.');
  return /^\d{1,6}$/.test(index) && uid !== '' ? { index: Number(index), uid } : undefined;
}

/** `<namespace>.<uid>`: what every name of a job holds. */
export function jobPrefix({ namespace, uid }: JobOnBus): string {
  return `${namespace}.${uid}`;
}
