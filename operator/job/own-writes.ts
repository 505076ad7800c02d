// What we wrote ourselves and the caches do not know yet. A decision from a cache that is behind would create or delete again; it waits until
// the cache has reached our last writes, for ten seconds at most.
import type { Store } from '../runtime/store.ts';

interface Write {
  readonly store: Store<never, string> | Pick<Store<never>, 'hasSeen'>;
  readonly version: string;
  readonly until: number;
}

const longestMs = 10_000;

export class OwnWrites {
  readonly #writes = new Map<string, Write[]>();

  note(key: string, store: Pick<Store<never>, 'hasSeen'>, version: string, now: number): void {
    const known = this.#writes.get(key) ?? [];
    this.#writes.set(key, [...known, { store, version, until: now + longestMs }]);
  }

  /** Whether the caches have seen everything that was written for this key, or had their time. */
  areSeen(key: string, now: number): boolean {
    const open = (this.#writes.get(key) ?? []).filter(
      ({ store, version, until }) => now < until && !store.hasSeen(version),
    );
    if (open.length === 0) this.#writes.delete(key);
    else this.#writes.set(key, open);
    return open.length === 0;
  }

  forget(key: string): void {
    this.#writes.delete(key);
  }
}
