// State of the board: the jobs of a source, the selected row, the filter. Pure; the order of
// messages does not matter.
import { type Job, keyOf } from './job.ts';
import type { JobsChange } from './source.ts';

export interface BoardState {
  /** By namespace and name. */
  readonly jobs: ReadonlyMap<string, Job>;
  readonly away: { readonly since: number; readonly why: string } | null;
  /** False until the first complete list. */
  readonly isLoaded: boolean;
}

export const emptyBoard: BoardState = { jobs: new Map(), away: null, isLoaded: false };

export interface TimedChange {
  readonly change: JobsChange;
  /** Seconds since 1970. */
  readonly at: number;
}

export function seeBoard(state: BoardState, changes: readonly TimedChange[]): BoardState {
  let { away, isLoaded } = state;
  let jobs = new Map(state.jobs);
  for (const { change, at } of changes) {
    switch (change.type) {
      case 'All':
        jobs = new Map(change.jobs.map((job) => [keyOf(job), job]));
        isLoaded = true;
        away = null;
        break;
      case 'Changed':
        jobs.set(keyOf(change.job), change.job);
        away = null;
        break;
      case 'Gone':
        // A newer job of the same name stays.
        if (jobs.get(keyOf(change.job))?.uid === change.job.uid) jobs.delete(keyOf(change.job));
        away = null;
        break;
      case 'Away':
        away ??= { since: at, why: change.why };
        break;
    }
  }
  return { jobs, away, isLoaded };
}

/** Rows in order: active jobs first, then the newest. */
export function rowsOf({ jobs }: BoardState, filter: string): readonly Job[] {
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return [...jobs.values()]
    .filter((job) => words.every((word) => isMatch(job, word)))
    .sort(
      (a, b) =>
        Number(hasEnded(a)) - Number(hasEnded(b)) ||
        ordered(b.createdAt, a.createdAt) ||
        ordered(keyOf(a), keyOf(b)),
    );
}

/** By code units: names and times are ASCII, and sorting five hundred of them happens often. */
function ordered(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** `!word` matches jobs without the word. */
function isMatch(job: Job, word: string): boolean {
  const not = word.startsWith('!');
  const text = `${job.namespace}/${job.name} ${job.status.phase ?? ''}`.toLowerCase();
  return not !== text.includes(not ? word.slice(1) : word);
}

function hasEnded({ status: { phase } }: Job): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

/** Index of the first visible row, such that the selected one is visible. */
export function windowOf(chosen: number, count: number, height: number): number {
  const most = Math.max(0, count - height);
  return Math.max(0, Math.min(most, chosen - Math.floor(height / 2)));
}
