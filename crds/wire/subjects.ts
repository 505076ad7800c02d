// Every name on the bus. A job is `<namespace>.<uid>` in each of them, so that a right can be derived from a namespace alone,
// and so that a name used again by a later job reads nothing of the earlier one.

export interface JobOnBus {
  readonly namespace: string;
  readonly uid: string;
}

/** Key-value buckets. Beats have their own, because a whole bucket can forget: per-key lifetimes need a newer server. */
export const bucket = { state: 'anneal_state', beat: 'anneal_beat' } as const;

export const beatSeconds = 3;
/** A beat that was not renewed for so long is forgotten by the bucket. */
export const beatLifetimeSeconds = 15;
/** Values of a key that are kept: who opened which generation, for a person who looks later. */
export const stateHistory = 64;

export const stream = {
  metrics: 'ANNEAL_METRICS',
  logs: 'ANNEAL_LOGS',
  events: 'ANNEAL_EVENTS',
} as const;

/** Subjects that a stream keeps. */
export const streamSubjects: Readonly<Record<keyof typeof stream, string>> = {
  metrics: 'anneal.v1.*.*.metric.>',
  logs: 'anneal.v1.*.*.log.>',
  events: 'anneal.v1.*.*.event',
};

export const keys = {
  state: (job: JobOnBus) => `${place(job)}.state`,
  desired: (job: JobOnBus) => `${place(job)}.desired`,
  world: (job: JobOnBus, generation: number, index: number) =>
    `${place(job)}.world.${generation}.${index}`,
  member: (job: JobOnBus, generation: number, index: number) =>
    `${place(job)}.member.${generation}.${index}`,
  ack: (job: JobOnBus, generation: number, index: number) =>
    `${place(job)}.ack.${generation}.${index}`,
  beat: (job: JobOnBus, index: number) => `${place(job)}.${index}`,
  /** Everything of a job in a bucket. */
  all: (job: JobOnBus) => `${place(job)}.>`,
} as const;

export const subjects = {
  metric: (job: JobOnBus, index: number) => `anneal.v1.${place(job)}.metric.${index}`,
  log: (job: JobOnBus, index: number) => `anneal.v1.${place(job)}.log.${index}`,
  event: (job: JobOnBus) => `anneal.v1.${place(job)}.event`,
  all: (job: JobOnBus) => `anneal.v1.${place(job)}.>`,
} as const;

/** What a key of the state bucket is about; undefined for a key that is none of ours. */
export function parseKey(key: string): (JobOnBus & { readonly what: string }) | undefined {
  const [namespace, uid, ...rest] = key.split('.');
  if (!namespace || !uid || rest.length === 0) return undefined;
  return { namespace, uid, what: rest.join('.') };
}

/** The job of a message subject. */
export function parseSubject(subject: string): JobOnBus | undefined {
  const [head, version, namespace, uid] = subject.split('.');
  if (head !== 'anneal' || version !== 'v1' || !namespace || !uid) return undefined;
  return { namespace, uid };
}

function place({ namespace, uid }: JobOnBus): string {
  return `${namespace}.${uid}`;
}
