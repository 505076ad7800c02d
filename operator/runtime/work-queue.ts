// Keys that wait to be worked on. A key is in line at most once and worked on by one worker at a
// time; one that is added while it is worked on comes again. Delays and back-off only ever put a
// key in line later. The rules are those of client-go.

import type { Clock } from '../../crds/clock.ts';
import { Backoff } from './backoff.ts';
import type { Random } from './random.ts';
import { TokenBucket } from './token-bucket.ts';

interface WorkQueueFacts {
  readonly clock: Clock;
  readonly random: Random;
  /** A key was added that was not waiting already: what Go's work queues count as an add. */
  readonly added?: () => void;
}

const retryPauses = { firstMs: 5, longestMs: 1_000_000, jitter: 0.1 };
const retryRate = { perSecond: 10, burst: 100 };

export class WorkQueue {
  readonly #clock: Clock;
  readonly #added: () => void;
  readonly #backoff: Backoff;
  readonly #retries: TokenBucket;
  /** In line; a Map keeps the order, its value is the time of arrival. */
  readonly #waiting = new Map<string, number>();
  /** Worked on, with the time at which the work began. */
  readonly #working = new Map<string, number>();
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { readonly due: number; readonly cancel: AbortController }>();
  readonly #takers: (() => void)[] = [];

  constructor({ clock, random, added }: WorkQueueFacts) {
    this.#clock = clock;
    this.#added = added ?? (() => undefined);
    this.#backoff = new Backoff(retryPauses, random);
    this.#retries = new TokenBucket(retryRate, clock.monotonic());
  }

  /** Keys in line; delayed ones are not. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** For how long each key that is worked on has been, in milliseconds. */
  get workUnderWayMs(): readonly number[] {
    const now = this.#clock.monotonic();
    return [...this.#working.values()].map((began) => now - began);
  }

  add(key: string): void {
    if (this.#waiting.has(key) || this.#again.has(key)) return;
    this.#added();
    if (this.#working.has(key)) this.#again.add(key);
    else this.#line(key);
  }

  /** Puts the key in line at a time; of several times the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const due = this.#clock.monotonic() + ms;
    const known = this.#delayed.get(key);
    if (known !== undefined && known.due <= due) return;
    known?.cancel.abort();
    const cancel = new AbortController();
    this.#delayed.set(key, { due, cancel });
    this.#clock.sleep(ms, cancel.signal).then(
      () => {
        this.#delayed.delete(key);
        this.add(key);
      },
      () => undefined, // replaced by an earlier time, or forgotten
    );
  }

  /** After a failure: later each time, and not more retries in all than the bucket gives. */
  retry(key: string, atLeastMs = 0): void {
    const own = this.#backoff.next(key);
    const all = this.#retries.reserve(this.#clock.monotonic());
    this.addAfter(key, Math.max(own, all, atLeastMs));
  }

  failures(key: string): number {
    return this.#backoff.failures(key);
  }

  /** After a success: the next failure is the first again. */
  succeeded(key: string): void {
    this.#backoff.forget(key);
  }

  /** The object is gone: no timer of it needs to fire. */
  forget(key: string): void {
    this.#backoff.forget(key);
    this.#delayed.get(key)?.cancel.abort();
    this.#delayed.delete(key);
  }

  /** The next key and how long it was in line. Call `done` with it, whatever happened. */
  async take(signal: AbortSignal): Promise<{ readonly key: string; readonly waitedMs: number }> {
    signal.throwIfAborted();
    if (this.#waiting.size === 0) await this.#arrival(signal);
    const [entry] = this.#waiting;
    if (entry === undefined) return this.take(signal);
    const [key, since] = entry;
    this.#waiting.delete(key);
    const now = this.#clock.monotonic();
    this.#working.set(key, now);
    return { key, waitedMs: now - since };
  }

  done(key: string): void {
    this.#working.delete(key);
    if (this.#again.delete(key)) this.#line(key);
  }

  #line(key: string): void {
    this.#waiting.set(key, this.#clock.monotonic());
    this.#serve();
  }

  #arrival(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const taker = () => {
      signal.removeEventListener('abort', leave);
      resolve();
    };
    const leave = () => {
      this.#takers.splice(this.#takers.indexOf(taker), 1);
      reject(signal.reason);
    };
    this.#takers.push(taker);
    signal.addEventListener('abort', leave, { once: true });
    return promise;
  }

  /** One arrival wakes one taker. */
  #serve(): void {
    this.#takers.shift()?.();
  }
}
