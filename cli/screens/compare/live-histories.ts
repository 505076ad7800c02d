// The histories of compared jobs while they run: retained messages, then live ones. A screen is
// notified at most twice a second, and less often for long runs: a comparison reads every step, and
// may take a twentieth of the time.
import { toAnnealError } from '../../../crds/index.ts';
import { type Job, keyOf } from '../../jobs/job.ts';
import type { JobSource } from '../../jobs/source.ts';
import type { Compared } from '../../metrics/comparison.ts';
import { HistoryKeeper } from '../../metrics/history.ts';

export interface Followed {
  readonly job: Job;
  readonly source: JobSource;
}

interface Kept {
  job: Job;
  readonly keeper: HistoryKeeper;
  away: Away | undefined;
}

export interface Away {
  /** Seconds since 1970. */
  readonly since: number;
  readonly why: string;
}

const frameMs = 500;
/** Share of the time for rendering. */
const share = 1 / 20;

export class LiveHistories {
  readonly #kept: readonly Kept[];
  readonly #listeners = new Set<() => void>();
  readonly #now: () => Date;
  readonly #signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #version = 0;
  #pauseMs = frameMs;

  constructor(followed: readonly Followed[], now: () => Date, signal: AbortSignal) {
    this.#now = now;
    this.#signal = signal;
    this.#kept = followed.map(({ job, source }) => {
      const kept = { job, keeper: new HistoryKeeper(), away: undefined };
      void this.#followWorkers(kept, source);
      void this.#followJob(kept, source);
      return kept;
    });
  }

  /** Duration of the last rendering; the next notification waits accordingly. */
  readonly took = (ms: number): void => {
    this.#pauseMs = Math.max(frameMs, ms / share);
  };

  /** Changes when there is something new to draw. */
  get version(): number {
    return this.#version;
  }

  get all(): readonly Compared[] {
    return this.#kept.map(({ job, keeper }) => ({ job, history: keeper.history }));
  }

  /** Sources that do not answer now. */
  get away(): readonly (Away & { readonly name: string })[] {
    return this.#kept.flatMap(({ job, away }) =>
      away === undefined ? [] : [{ ...away, name: job.name }],
    );
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  async #followWorkers(kept: Kept, source: JobSource): Promise<void> {
    try {
      for await (const heard of source.telemetry(kept.job, { follow: true }, this.#signal)) {
        if (heard.type === 'Away') this.#lost(kept, heard.why);
        else kept.away = undefined;
        if (heard.type !== 'Message') continue;
        kept.keeper.take(heard.message);
        this.#wake();
      }
    } catch (error) {
      this.#lost(kept, toAnnealError(error).message);
    }
  }

  async #followJob(kept: Kept, source: JobSource): Promise<void> {
    const key = keyOf(kept.job);
    try {
      for await (const change of source.changes(this.#signal)) {
        if (change.type === 'Away') this.#lost(kept, change.why);
        if (change.type === 'Changed' && keyOf(change.job) === key) kept.job = change.job;
        if (change.type === 'All')
          kept.job = change.jobs.find((one) => keyOf(one) === key) ?? kept.job;
        this.#wake();
      }
    } catch (error) {
      this.#lost(kept, toAnnealError(error).message);
    }
  }

  #lost(kept: Kept, why: string): void {
    if (this.#signal.aborted) return;
    kept.away ??= { since: this.#now().getTime() / 1000, why };
    this.#wake();
  }

  #wake(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#signal.aborted) return;
      this.#version += 1;
      for (const listener of this.#listeners) listener();
    }, this.#pauseMs);
  }
}
