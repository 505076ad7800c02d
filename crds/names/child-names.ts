// Names of the objects of a job. They follow from the job alone, so that a repeated create after a
// lost answer has the same name.

/** Names of objects that the jobs of a namespace share. No child name has a dot. */
export const sharedName = { policy: (network: string) => `anneal.dev.${network}` } as const;

/** Of the objects of an AdapterServer. Its Service has the name that people call. */
export const serverChild = {
  service: (server: string) => server,
  deployment: (server: string) => server,
  adapters: (server: string) => `${server}-adapters`,
} as const;

/** Of the objects of a Federation and of a FederationPeer: Job and NetworkPolicy have one name. */
export const partyChild = {
  hub: (federation: string) => `${federation}-hub`,
  client: (peer: string) => `${peer}-client`,
} as const;

/** Of the objects of a TrainingPool: Job and NetworkPolicy have one name. */
export const poolChild = {
  job: (pool: string) => `${pool}-pool`,
  list: (pool: string) => `${pool}-pool-jobs`,
} as const;

/** Longest name of either, and of a pool, so that a label can hold that of its Job. */
export const longestPartyName = 52;

export const childName = {
  plan: (job: string, sha256: string) => `${job}-plan-${sha256.slice(0, 8)}`,
  service: (job: string) => job,
  workerPolicy: (job: string) => `${job}-workers`,
  ioPolicy: (job: string) => `${job}-io`,
  init: (job: string, attempt: number) => `${job}-init-${attempt}`,
  workers: (job: string, workerRevision: number) => `${job}-w${workerRevision}`,
  publish: (job: string, attempt: number) => `${job}-publish-${attempt}`,
  dataClaim: (job: string) => `${job}-data`,
  /** It outlives its job, and a later job may have the same name. */
  adapter: (job: string, uid: string) => `${job}-${uid.slice(0, 8)}`,
} as const;
