// Time as a parameter. Decision code and everything that waits takes a Clock, so that tests drive
// time themselves.
import { setTimeout as wait } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds of a clock that is never set back; only differences mean something. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    try {
      for (const part of timersFor(ms)) await wait(part, undefined, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  },
};

/** Node.js counts in 31 bits: 24.8 days. What is longer rings at once. */
export const longestTimerMs = 2 ** 31 - 1;

/**
 * Timers to be set one after the other, each of them one that Node.js can set; without an end where
 * the delay has none.
 */
export function* timersFor(ms: number): Generator<number, void> {
  let left = ms;
  for (; left > longestTimerMs; left -= longestTimerMs) yield longestTimerMs;
  yield Math.max(0, left);
}
