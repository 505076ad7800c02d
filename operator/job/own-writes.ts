// What we wrote ourselves and the caches do not know yet. A decision from a cache that is behind would create or delete again; it waits until
// the cache has reached our last writes, for ten seconds at most.
import type { KubeObject } from '../runtime/resource.ts';
import type { Store } from '../runtime/store.ts';

type Seeing = Pick<Store<never>, 'hasSeen'>;

interface Write {
  readonly store: Seeing;
  readonly version: string;
  readonly namespace: string;
  readonly until: number;
}

const longestMs = 10_000;

export class OwnWrites {
  readonly #writes = new Map<string, readonly Write[]>();

  note(key: string, store: Seeing, { metadata }: KubeObject, now: number): void {
    const { resourceVersion: version, namespace } = metadata;
    const known = this.#writes.get(key) ?? [];
    this.#writes.set(key, [...known, { store, version, namespace, until: now + longestMs }]);
  }

  /** Whether the caches have seen everything that was written for this key, or had their time. */
  areSeen(key: string, now: number): boolean {
    const open = (this.#writes.get(key) ?? []).filter(
      ({ store, version, namespace, until }) => now < until && !store.hasSeen(version, namespace),
    );
    if (open.length === 0) this.#writes.delete(key);
    else this.#writes.set(key, open);
    return open.length === 0;
  }

  forget(key: string): void {
    this.#writes.delete(key);
  }
}
