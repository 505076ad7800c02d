// Growing pauses between attempts, per key. Jitter only ever adds: a pause is never shorter than
// asked.
import type { Random } from './random.ts';

export interface BackoffSettings {
  readonly firstMs: number;
  readonly longestMs: number;
  /** Largest share of a pause that random may add. */
  readonly jitter: number;
}

/** Pause before attempt `failures + 1`: firstMs, twice that, and so on. */
export function pauseOf(failures: number, settings: BackoffSettings, random: Random): number {
  const { firstMs, longestMs, jitter } = settings;
  const doublings = Math.min(failures, 52);
  return Math.min(firstMs * 2 ** doublings, longestMs) * (1 + jitter * random());
}

export class Backoff {
  readonly #failures = new Map<string, number>();
  readonly #settings: BackoffSettings;
  readonly #random: Random;

  constructor(settings: BackoffSettings, random: Random) {
    this.#settings = settings;
    this.#random = random;
  }

  /** Counts a failure of `key` and says how long to wait after it. */
  next(key: string): number {
    const failures = this.failures(key);
    this.#failures.set(key, failures + 1);
    return pauseOf(failures, this.#settings, this.#random);
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }
}
