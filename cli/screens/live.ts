// The live data behind the screens: subscribes to a source, reduces its messages to state, and
// notifies the screen at most ten times a second.
import { toAnnealError } from '../../crds/index.ts';
import {
  allBeside,
  type BesideJob,
  type BesideJobs,
  besideKey,
  nothingBeside,
} from '../jobs/beside.ts';
import { type BoardState, emptyBoard, seeBoard, type TimedChange } from '../jobs/board-state.ts';
import { type Job, keyOf } from '../jobs/job.ts';
import { emptyJob, type JobEvent, type JobState, seeJob } from '../jobs/job-state.ts';
import type { JobSource, LogLine, LogsAsked } from '../jobs/source.ts';
import type { Surroundings } from '../jobs/surroundings.ts';
import { passedMs } from '../process/clock.ts';
import { LiveHistories } from './compare/live-histories.ts';

export interface LiveFacts {
  readonly source: JobSource;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  /** Called with an error that ends the screen. */
  readonly failed: (error: unknown) => void;
}

/** Lines that a screen keeps; `anneal logs` shows older ones. */
const mostLines = 2_000;
const frameMs = 100;
const aroundMs = 15_000;

interface Opened {
  state: JobState;
  pending: JobEvent[];
  lines: LogLine[];
  /** Of the containers before the last restart. */
  before: LogLine[];
  readonly stop: AbortController;
  hasLogs: boolean;
  hasBefore: boolean;
}

/** Subscriptions of a view besides telemetry. */
interface Wanted {
  readonly logs: boolean;
  readonly previous: boolean;
}

export class Live {
  readonly #facts: LiveFacts;
  readonly #listeners = new Set<() => void>();
  readonly #opened = new Map<string, Opened>();
  readonly #around = new Map<string, { askedAt: number; found: Surroundings | undefined }>();
  #board = emptyBoard;
  #beside: BesideJobs | undefined;
  #followsBeside = false;
  #changes: TimedChange[] = [];
  #timer: NodeJS.Timeout | undefined;
  #foldedAt = Number.NEGATIVE_INFINITY;
  #version = 0;

  constructor(facts: LiveFacts) {
    this.#facts = facts;
    void this.#followJobs();
  }

  get board(): BoardState {
    return this.#board;
  }

  /** What is beside the jobs, where it was asked for. */
  get beside(): BesideJobs {
    return this.#beside ?? nothingBeside;
  }

  /** Whether all of it is known. */
  get knowsBeside(): boolean {
    return this.#beside !== undefined;
  }

  besideJob(key: string): BesideJob | undefined {
    return allBeside(this.beside).find((one) => besideKey(one) === key);
  }

  /** From now on; a second call does nothing. */
  followBeside(): void {
    if (this.#followsBeside) return;
    this.#followsBeside = true;
    void this.#followBeside();
  }

  /** Changes when there is something new to draw. */
  get version(): number {
    return this.#version;
  }

  job(key: string): JobState {
    return this.#opened.get(key)?.state ?? { ...emptyJob, job: this.#board.jobs.get(key) ?? null };
  }

  lines(key: string, previous: boolean): readonly LogLine[] {
    const opened = this.#opened.get(key);
    return (previous ? opened?.before : opened?.lines) ?? [];
  }

  /** Histories of several jobs, live; unknown jobs are left out. */
  histories(keys: readonly string[], until: AbortSignal): LiveHistories {
    const { source, now, signal } = this.#facts;
    const jobs = keys.flatMap((key) => this.#board.jobs.get(key) ?? []);
    const both = AbortSignal.any([signal, until]);
    return new LiveHistories(
      jobs.map((job) => ({ job, source })),
      now,
      both,
    );
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** Subscribes to the workers of a job. */
  open(job: Job, { logs, previous }: Wanted): void {
    const key = keyOf(job);
    const known = this.#opened.get(key);
    const opened = known ?? {
      ...{ state: seeJob(emptyJob, [{ type: 'Job', job }]), pending: [], lines: [], before: [] },
      ...{ stop: new AbortController(), hasLogs: false, hasBefore: false },
    };
    this.#opened.set(key, opened);
    if (known === undefined) void this.#followWorkers(job, opened);
    if (logs && !opened.hasLogs) {
      opened.hasLogs = true;
      void this.#readLogs(job, opened, opened.lines, { follow: true, previous: false });
    }
    if (previous && !opened.hasBefore) {
      opened.hasBefore = true;
      void this.#readLogs(job, opened, opened.before, { follow: false, previous: true });
    }
  }

  /**
   * The surroundings of a job; undefined until they are known. Called on every rendering; the
   * cluster is asked only now and then.
   */
  around(job: Job): Surroundings | undefined {
    const key = keyOf(job);
    const known = this.#around.get(key);
    if (known === undefined || passedMs() - known.askedAt > aroundMs) {
      this.#around.set(key, { askedAt: passedMs(), found: known?.found });
      void this.#display(job, key);
    }
    return known?.found;
  }

  async #display(job: Job, key: string): Promise<void> {
    const { source, signal } = this.#facts;
    const found = await source.surroundings(job, signal).catch(() => undefined); // the status alone is shown
    if (found === undefined) return;
    this.#around.set(key, { askedAt: passedMs(), found });
    this.#wake();
  }

  close(key: string): void {
    this.#opened.get(key)?.stop.abort();
    this.#opened.delete(key);
  }

  async #followJobs(): Promise<void> {
    const { source, now, signal, failed } = this.#facts;
    try {
      for await (const change of source.changes(signal)) {
        const at = now().getTime() / 1000;
        this.#changes.push({ change, at });
        for (const [key, opened] of this.#opened) {
          const event = eventFor(key, change, at);
          if (event !== undefined) opened.pending.push(event);
        }
        this.#wake();
      }
    } catch (error) {
      if (!signal.aborted) failed(error);
    }
  }

  async #followBeside(): Promise<void> {
    const { source, signal, failed } = this.#facts;
    try {
      for await (const beside of source.besideChanges(signal)) {
        this.#beside = beside;
        this.#wake();
      }
    } catch (error) {
      if (!signal.aborted) failed(error);
    }
  }

  async #followWorkers(job: Job, opened: Opened): Promise<void> {
    const { source, now, signal } = this.#facts;
    const both = AbortSignal.any([signal, opened.stop.signal]);
    const add = (event: JobEvent): void => {
      opened.pending.push(event);
      this.#wake();
    };
    const at = () => now().getTime() / 1000;
    try {
      for await (const heard of source.telemetry(job, { follow: true }, both)) {
        add({ type: 'Heard', heard, at: at() });
      }
    } catch (error) {
      if (both.aborted) return;
      add({ type: 'Heard', heard: { type: 'Away', why: toAnnealError(error).message }, at: at() });
    }
  }

  async #readLogs(job: Job, { stop }: Opened, lines: LogLine[], asked: LogsAsked): Promise<void> {
    const { source, signal, now } = this.#facts;
    const both = AbortSignal.any([signal, stop.signal]);
    const say = (text: string): void => {
      const time = now().getTime() / 1000;
      lines.push({ time, index: 0, level: 'warn', text });
      this.#wake();
    };
    try {
      for await (const heard of source.logs(job, asked, both)) {
        if (heard.type === 'Away') say(heard.why);
        if (heard.type !== 'Log') continue;
        lines.push(heard.line);
        if (lines.length > 2 * mostLines) lines.splice(0, mostLines);
        this.#wake();
      }
    } catch (error) {
      if (!both.aborted) say(toAnnealError(error).message);
    }
  }

  /**
   * Folds at once if the last frame is old enough: rare messages appear without delay, frequent
   * ones ten times a second.
   */
  #wake(): void {
    const since = passedMs() - this.#foldedAt;
    this.#timer ??= setTimeout(() => this.#fold(), Math.max(0, frameMs - since));
  }

  #fold(): void {
    this.#timer = undefined;
    this.#foldedAt = passedMs();
    if (this.#facts.signal.aborted) return;
    if (this.#changes.length > 0) this.#board = seeBoard(this.#board, this.#changes);
    this.#changes = [];
    for (const opened of this.#opened.values()) {
      if (opened.pending.length > 0) opened.state = seeJob(opened.state, opened.pending);
      opened.pending = [];
    }
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }
}

function eventFor(key: string, change: TimedChange['change'], at: number): JobEvent | undefined {
  const is = (job: Job) => keyOf(job) === key;
  switch (change.type) {
    case 'Away':
      return { type: 'Away', why: change.why, at };
    case 'All': {
      const job = change.jobs.find(is);
      return job === undefined ? { type: 'Gone' } : { type: 'Job', job };
    }
    case 'Changed':
      return is(change.job) ? { type: 'Job', job: change.job } : undefined;
    case 'Gone':
      return is(change.job) ? { type: 'Gone' } : undefined;
  }
}
