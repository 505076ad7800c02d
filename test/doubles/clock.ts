// Time that stands still until a test moves it.
import type { Clock } from '../../crds/clock.ts';

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

export class FakeClock implements Clock {
  #now = 1_800_000_000_000;
  readonly #sleepers = new Set<Sleeper>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  /** How many wait. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal.aborted) {
      reject(signal.reason);
      return promise;
    }
    const leave = () => {
      this.#sleepers.delete(sleeper);
      signal.removeEventListener('abort', abort);
    };
    const abort = () => {
      leave();
      reject(signal.reason);
    };
    const sleeper: Sleeper = {
      due: this.#now + ms,
      wake: () => {
        leave();
        resolve();
      },
    };
    this.#sleepers.add(sleeper);
    signal.addEventListener('abort', abort);
    return promise;
  }

  /** Wakes everyone whose time has come, earliest first. */
  advance(ms: number): void {
    this.#now += ms;
    const due = [...this.#sleepers].filter((each) => each.due <= this.#now);
    for (const sleeper of due.toSorted((a, b) => a.due - b.due)) sleeper.wake();
  }
}
