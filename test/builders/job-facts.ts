// Facts about a job for tests of policies: the smallest job, at work on a quiet site, with whatever
// a test wants to be different.
import type { Condition, ConditionType } from '../../crds/api/conditions.ts';
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import { childName } from '../../crds/names/child-names.ts';
import { prepareDigest } from '../../crds/plan/prepare-digest.ts';
import type { MemberRecord, StateRecord } from '../../crds/wire/state.ts';
import type {
  BusFacts,
  ChildJob,
  Facts,
  JobFacts,
  PodEnd,
  PodFacts,
  SiteFacts,
} from '../../operator/job/facts.ts';
import { writePlan } from '../../operator/job/plan.ts';
import { timeText } from '../../operator/runtime/conditions.ts';
import { someSettings } from './built-job.ts';
import { aSpec, type Changes } from './job.ts';

export const now = Date.parse('2026-01-01T12:00:00Z');
export const seconds = (count: number) => now + count * 1000;

export const quietSite: SiteFacts = {
  settings: { ...someSettings, bus: undefined },
  gangs: [],
  hasQueues: false,
  hasAdapters: false,
  mayReplaceByForce: false,
  mayCreateClaims: true,
  mayDeleteJobs: true,
  refusesNotBuilt: false,
};

const identity = { name: 'first', namespace: 'team-a', uid: 'uid-of-job', annotations: {} };

interface FactsChanges extends Partial<Omit<Facts, 'job'>> {
  readonly spec?: Changes;
  readonly job?: Partial<JobFacts>;
  readonly status?: FineTuneJobStatus;
}

export function someFacts({ spec = {}, job, status = {}, ...rest }: FactsChanges = {}): Facts {
  return {
    now,
    job: {
      ...identity,
      generation: 1,
      createdAt: now,
      deletedAt: undefined,
      hasFinalizer: false,
      spec: aSpec(spec),
      problem: '',
      status,
      ...job,
    },
    workers: [],
    inits: [],
    publishes: [],
    siblings: [],
    pods: [],
    leftPods: [],
    children: [],
    shared: [],
    foreign: [],
    queue: undefined,
    bus: { type: 'Absent' },
    site: quietSite,
    ...rest,
  };
}

export function planDigestOf(spec: Changes = {}): string {
  return writePlan({ ...identity, spec: aSpec(spec) }).digest;
}

/** A status as it is when training is under way. */
export function trainingStatus(
  changes: FineTuneJobStatus = {},
  spec: Changes = {},
  workerRevision = 1,
): FineTuneJobStatus {
  return {
    observedGeneration: 1,
    workerRevision,
    jobRef: { name: childName.workers('first', workerRevision), uid: `uid-w${workerRevision}` },
    plan: { sha256: planDigestOf(spec), prepareSha256: prepareDigest(aSpec(spec)) },
    activeSince: timeText(now - 3_600_000),
    startTime: timeText(now - 3_600_000),
    ...changes,
    conditions: [
      ...conditionsOf({
        Validated: 'Resolved',
        Initialized: 'Ready',
        PodsReady: 'AllReady',
        Running: 'Training',
      }),
      ...(changes.conditions ?? []),
    ].filter((each, index, all) => all.findLastIndex(({ type }) => type === each.type) === index),
  };
}

/**
 * True conditions by type and reason; a reason that begins with "!" is of a False one, with "?" of
 * an Unknown one.
 */
export function conditionsOf(reasons: Partial<Record<ConditionType, string>>): Condition[] {
  return Object.entries(reasons).map(([type, reason]) => ({
    type,
    status: reason.startsWith('!') ? 'False' : reason.startsWith('?') ? 'Unknown' : 'True',
    reason: reason.replace(/^[!?]/, ''),
    message: 'm',
    observedGeneration: 1,
    lastTransitionTime: timeText(now - 3_600_000),
  }));
}

export function aChildJob(changes: Partial<ChildJob> = {}, spec: Changes = {}): ChildJob {
  const number = changes.number ?? 1;
  return {
    name: childName.workers('first', number),
    uid: `uid-w${number}`,
    number,
    createdAt: now - 3_600_000,
    isDeleting: false,
    suspended: false,
    parallelism: 1,
    startedAt: now - 3_600_000,
    active: 1,
    ready: 1,
    failed: 0,
    terminating: 0,
    outcome: undefined,
    planDigest: planDigestOf(spec),
    sharesPolicy: true,
    prepareDigest: prepareDigest(aSpec(spec)),
    ...changes,
  };
}

export function anInitJob(changes: Partial<ChildJob> = {}): ChildJob {
  return aChildJob({
    name: childName.init('first', changes.number ?? 1),
    uid: 'uid-init',
    ...changes,
  });
}

export function aPublishJob(changes: Partial<ChildJob> = {}): ChildJob {
  return aChildJob({
    name: childName.publish('first', changes.number ?? 1),
    uid: 'uid-pub',
    ...changes,
  });
}

const jobUids = {
  worker: (number: number) => `uid-w${number}`,
  init: () => 'uid-init',
  publish: () => 'uid-pub',
} as const;

export function aPodOf(changes: Partial<PodFacts> = {}): PodFacts {
  const { number = 1, index = 0 } = changes;
  return {
    name: `first-w${number}-${index}`,
    uid: `uid-w${number}-${index}`,
    component: 'worker',
    jobUid: jobUids[changes.component ?? 'worker'](number),
    number,
    index,
    node: 'n1',
    phase: 'Running',
    ready: true,
    createdAt: now - 3_600_000,
    scheduledAt: now - 3_600_000,
    unschedulable: undefined,
    isDeleting: false,
    disruption: undefined,
    nodeUnreachable: false,
    waiting: undefined,
    end: undefined,
    ...changes,
  };
}

export function ended(exitCode: number, changes: Partial<PodEnd> = {}): Partial<PodFacts> {
  return {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    ready: false,
    end: {
      exitCode,
      reason: exitCode === 0 ? 'Completed' : 'Error',
      message: '',
      finishedAt: now - 1000,
      terminationMessage: undefined,
      ...changes,
    },
  };
}

export function aState(changes: Partial<StateRecord> = {}): StateRecord {
  return {
    v: 1,
    workerRevision: 1,
    round: 1,
    opened: { by: 'operator', cause: 'Start', at: timeText(now - 3_600_000) },
    world: { key: 'k', digest: 'd', size: 1, committedAt: timeText(now - 3_500_000) },
    adjustments: [],
    restarts: {
      ...{ counted: 0, disruptions: 0, resizes: 0, window: [], sinceCommit: 0, repeats: 0 },
    },
    ...changes,
  };
}

export function aMember(index: number, podUID = `uid-w1-${index}`): MemberRecord {
  return {
    v: 1,
    podUID,
    podIP: `10.0.0.${index + 1}`,
    node: 'n1',
    port: 29_400,
    devices: [],
    copyPort: 0,
    copies: [],
    bootAt: timeText(now - 3_600_000),
    protocol: [1, 1],
  };
}

type Present = Extract<BusFacts, { type: 'Present' }>;

export function aBus(changes: Partial<Omit<Present, 'type'>> = {}): Present {
  return {
    type: 'Present',
    admitted: { v: 1, name: 'first', workers: 1 },
    state: aState(),
    desired: undefined,
    members: new Map([[0, aMember(0)]]),
    acks: new Map(),
    ...changes,
  };
}

/** A job of one worker that trains. */
export function training(changes: FactsChanges = {}): Facts {
  const { spec = {}, status = {}, ...rest } = changes;
  return someFacts({
    spec,
    status: trainingStatus(status, spec),
    workers: [aChildJob({}, spec)],
    pods: [aPodOf()],
    ...rest,
  });
}
