// What the screen of a job knows: a pure function of what was heard, from the API server and from
// the workers. Late, doubled and missing messages do no harm: whatever the order, the same set
// gives the same state.
import type { PodEvent } from '../../crds/wire/pod-messages.ts';
import type { HeartbeatRecord } from '../../crds/wire/state.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { type Job, phaseOf } from './job.ts';
import { emptyRun, type RunState, seeAll } from './run-state.ts';
import type { Heard } from './source.ts';

export interface JobState {
  readonly job: Job | null;
  readonly gone: boolean;
  readonly run: RunState;
  /** By number of the worker, rising. */
  readonly workers: readonly WorkerState[];
  /** By time, rising; the oldest are dropped. */
  readonly happened: readonly Happened[];
  /** Who cannot be asked now, and since when, in seconds since 1970. */
  readonly away: { readonly jobs: Away | null; readonly bus: Away | null };
}

interface WorkerState {
  readonly index: number;
  /** Greatest round and step that its heartbeats told. */
  readonly heartbeat: HeartbeatRecord;
}

interface Happened {
  readonly time: number;
  readonly words: string;
  readonly trouble: boolean;
  /** Of a checkpoint: its step, and whether all know by now that it can be gone on from. */
  readonly saved?: { readonly step: number; readonly counts: boolean };
}

interface Away {
  readonly since: number;
  readonly why: string;
}

export type JobEvent =
  | { readonly type: 'Job'; readonly job: Job }
  | { readonly type: 'Gone' }
  | { readonly type: 'Heard'; readonly heard: Heard; readonly at: number }
  | { readonly type: 'Away'; readonly why: string; readonly at: number };

export const emptyJob: JobState = {
  job: null,
  gone: false,
  run: emptyRun,
  workers: [],
  happened: [],
  away: { jobs: null, bus: null },
};

const mostHappened = 200;

export function seeJob(state: JobState, events: readonly JobEvent[]): JobState {
  const messages: Telemetry[] = [];
  let next = state;
  for (const event of events) {
    if (event.type === 'Heard' && event.heard.type === 'Message') {
      const { index, message } = event.heard;
      // The others say the same numbers: they are means over all workers.
      if (index === 0 || message.type !== 'step') messages.push(message);
      next = withHappened(next, fromMessage(index, message));
      next = backOnBus(next);
    } else next = seeOne(next, event);
  }
  return messages.length === 0 ? next : { ...next, run: seeAll(next.run, messages) };
}

function seeOne(state: JobState, event: JobEvent): JobState {
  switch (event.type) {
    case 'Gone':
      return { ...state, gone: true };
    case 'Away': {
      const { why, at } = event;
      return { ...state, away: { ...state.away, jobs: state.away.jobs ?? { why, since: at } } };
    }
    case 'Job': {
      const isLate = state.job !== null && isOlder(event.job, state.job);
      const job = isLate ? state.job : event.job;
      const back = { ...state, job, away: { ...state.away, jobs: null } };
      return withHappened(back, fromConditions(event.job));
    }
    case 'Heard':
      return seeHeard(state, event.heard, event.at);
  }
}

function seeHeard(state: JobState, heard: Heard, at: number): JobState {
  switch (heard.type) {
    case 'Away':
      return {
        ...state,
        away: { ...state.away, bus: state.away.bus ?? { why: heard.why, since: at } },
      };
    case 'UpToDate':
      return backOnBus(state);
    case 'PodEvent':
      return withHappened(
        backOnBus(state),
        unshown.has(heard.event.type) ? [] : [fromPodEvent(heard.event)],
      );
    case 'Heartbeat':
      return {
        ...backOnBus(state),
        workers: withHeartbeat(state.workers, heard.index, heard.heartbeat),
      };
    case 'Message':
    case 'Log':
      return state;
  }
}

function backOnBus(state: JobState): JobState {
  return state.away.bus === null ? state : { ...state, away: { ...state.away, bus: null } };
}

/** By the version of the object where both have one that can be compared. */
function isOlder(job: Job, than: Job): boolean {
  return versionOf(job) < versionOf(than);
}

function versionOf({ object }: Job): number {
  const { metadata } = object as { metadata?: { resourceVersion?: string } };
  const version = Number(metadata?.resourceVersion ?? 0);
  return Number.isNaN(version) ? 0 : version;
}

function withHeartbeat(
  workers: readonly WorkerState[],
  index: number,
  heartbeat: HeartbeatRecord,
): readonly WorkerState[] {
  const known = workers.find((one) => one.index === index);
  if (known !== undefined && rank(known.heartbeat) >= rank(heartbeat)) return workers;
  const others = workers.filter((one) => one.index !== index);
  return [...others, { index, heartbeat }].sort((a, b) => a.index - b.index);
}

/**
 * A later round begins at an earlier step. Among equals the words decide, so that order does not.
 */
function rank({ round, step, stage, waitingOn = '' }: HeartbeatRecord): string {
  const number = (value: number) => String(value).padStart(12, '0');
  return `${number(round)} ${number(step)} ${stage} ${waitingOn}`;
}

function withHappened(state: JobState, more: readonly Happened[]): JobState {
  if (more.length === 0) return state;
  const known = new Set(state.happened.map(keyOf));
  const fresh = more.filter((one) => !known.has(keyOf(one)));
  if (fresh.length === 0) return state;
  const all = toldOnce([...state.happened, ...fresh]).sort(
    (a, b) => a.time - b.time || (keyOf(a) < keyOf(b) ? -1 : 1),
  );
  return { ...state, happened: all.slice(-mostHappened) };
}

/**
 * That a checkpoint was written says nothing more where it counts; where it never counted, it is
 * all that is known.
 */
function toldOnce(all: Happened[]): Happened[] {
  const counting = new Set(all.flatMap(({ saved }) => (saved?.counts ? [saved.step] : [])));
  return all.filter(
    ({ saved }) => saved === undefined || saved.counts || !counting.has(saved.step),
  );
}

function keyOf({ time, words }: Happened): string {
  return `${time} ${words}`;
}

function fromMessage(index: number, message: Telemetry): readonly Happened[] {
  const { time, type } = message;
  switch (type) {
    case 'checkpoint': {
      const { step } = message;
      const saved = { step, counts: false };
      return [{ time, words: `checkpoint of step ${step} written`, trouble: false, saved }];
    }
    case 'evaluation': {
      const loss = message.loss === null ? 'not finite' : message.loss.toFixed(4);
      const best = message.best ? ', the best' : '';
      return [{ time, words: `held out ${loss} at step ${message.step}${best}`, trouble: false }];
    }
    case 'artifact':
      return [{ time, words: `${message.format} written`, trouble: false }];
    case 'warning':
      return [{ time, words: message.message, trouble: true }];
    case 'failure':
      return [{ time, words: `worker ${index}: ${message.message}`, trouble: true }];
    default:
      return [];
  }
}

/**
 * What a node has, and that a pod reached the bus: looked up where it matters; on the screen it
 * would hide what happened.
 */
const unshown: ReadonlySet<PodEvent['type']> = new Set(['NodeChecked', 'BusBack']);

const troubles: ReadonlySet<PodEvent['type']> = new Set(['Ended', 'Hung', 'TelemetryDropped']);

/** Of these it matters in which world they happened. */
const worlds: ReadonlySet<PodEvent['type']> = new Set(['Ended', 'Hung', 'Restored']);

function fromPodEvent({ time, index, type, message, round, step }: PodEvent): Happened {
  if (type === 'Committed' && step !== undefined) {
    const words = `checkpoint of step ${step} counts`;
    return { time, words, trouble: false, saved: { step, counts: true } };
  }
  const tells = round !== undefined && worlds.has(type);
  const isSaid = message.includes(`round ${round}`);
  const world = tells && !isSaid ? `, round ${round}` : '';
  return { time, words: `worker ${index}: ${message}${world}`, trouble: troubles.has(type) };
}

const troubleConditions = ['Failed', 'Stalled', 'Degraded', 'Restarting'];

/**
 * When a condition became true is told by the object itself, so nothing is missed while nobody
 * looked.
 */
function fromConditions(job: Job): readonly Happened[] {
  return (job.status.conditions ?? [])
    .filter(({ status }) => status === 'True')
    .map(({ type, reason, message, lastTransitionTime }) => ({
      time: Date.parse(lastTransitionTime) / 1000,
      words: `${type} (${reason})${message === '' ? '' : `: ${message}`}`,
      trouble: troubleConditions.includes(type),
    }));
}

/** Nothing more will come. */
export function isOver({ job, gone }: JobState): boolean {
  if (gone) return true;
  return job !== null && (phaseOf(job) === 'Succeeded' || phaseOf(job) === 'Failed');
}
