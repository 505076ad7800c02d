// State of a job's screen: a pure function of the messages from the API server and from the
// workers. Late, duplicate and missing messages do no harm: the same set gives the same state in
// any order.
import type { PodEvent } from '../../crds/wire/pod-messages.ts';
import type { HeartbeatRecord } from '../../crds/wire/state.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { type Job, phaseOf } from './job.ts';
import { emptyRun, type RunState, seeAll } from './run-state.ts';
import type { Heard } from './source.ts';
import { taskFigure } from './task-figure.ts';

export interface JobState {
  readonly job: Job | null;
  readonly gone: boolean;
  readonly run: RunState;
  /** By number of the worker, ascending. */
  readonly workers: readonly WorkerState[];
  /** By time, ascending; the oldest are dropped. */
  readonly happened: readonly Happened[];
  /** Sources that do not answer now, and since when, in seconds since 1970. */
  readonly away: { readonly jobs: Away | null; readonly bus: Away | null };
}

interface WorkerState {
  readonly index: number;
  /** The heartbeat with the greatest round and step. */
  readonly heartbeat: HeartbeatRecord;
}

interface Happened {
  readonly time: number;
  readonly words: string;
  readonly isProblem: boolean;
  /**
   * Of a checkpoint: its step, and whether every worker has it by now, so that a run can resume
   * from it.
   */
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
      // The other workers report the same numbers: they are means over all workers.
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

/** By resourceVersion where both have a comparable one. */
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
 * A later round begins at an earlier step. Ties are broken by text, so that the order of
 * messages does not matter.
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
 * "Counts" replaces "written" for the same checkpoint; one that never counted keeps its "written".
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
      return [{ time, words: `checkpoint of step ${step} written`, isProblem: false, saved }];
    }
    case 'evaluation': {
      const loss = message.loss === null ? 'not finite' : message.loss.toFixed(4);
      const best = message.best ? ', the best' : '';
      const figure = taskFigure([message], undefined);
      const more = figure === undefined ? '' : `, ${figure}`;
      const words = `held out ${loss} at step ${message.step}${more}${best}`;
      return [{ time, words, isProblem: false }];
    }
    case 'artifact':
      return [{ time, words: `${message.format} written`, isProblem: false }];
    case 'warning':
      return [{ time, words: message.message, isProblem: true }];
    case 'failure':
      return [{ time, words: `worker ${index}: ${message.message}`, isProblem: true }];
    default:
      return [];
  }
}

/**
 * Facts about the node, and that a pod reached the bus, are left out: on the screen they would hide
 * other events.
 */
const unshown: ReadonlySet<PodEvent['type']> = new Set(['NodeChecked', 'BusBack']);

const problemEvents: ReadonlySet<PodEvent['type']> = new Set(['Ended', 'Hung', 'TelemetryDropped']);

/** For these the round is part of the text. */
const worlds: ReadonlySet<PodEvent['type']> = new Set(['Ended', 'Hung', 'Restored']);

function fromPodEvent({ time, index, type, message, round, step }: PodEvent): Happened {
  if (type === 'Committed' && step !== undefined) {
    const words = `checkpoint of step ${step} counts`;
    return { time, words, isProblem: false, saved: { step, counts: true } };
  }
  const tells = round !== undefined && worlds.has(type);
  const isSaid = message.includes(`round ${round}`);
  const world = tells && !isSaid ? `, round ${round}` : '';
  return { time, words: `worker ${index}: ${message}${world}`, isProblem: problemEvents.has(type) };
}

const problemConditions = ['Failed', 'Stalled', 'Degraded', 'Restarting'];

/**
 * The object records when a condition became true, so nothing is missed while no client watched.
 */
function fromConditions(job: Job): readonly Happened[] {
  return (job.status.conditions ?? [])
    .filter(({ status }) => status === 'True')
    .map(({ type, reason, message, lastTransitionTime }) => ({
      time: Date.parse(lastTransitionTime) / 1000,
      words: `${type} (${reason})${message === '' ? '' : `: ${message}`}`,
      isProblem: problemConditions.includes(type),
    }));
}

/** No more messages will come. */
export function isOver({ job, gone }: JobState): boolean {
  if (gone) return true;
  return job !== null && (phaseOf(job) === 'Succeeded' || phaseOf(job) === 'Failed');
}
