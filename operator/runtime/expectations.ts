// Our own writes that the informers are expected to show. A decision on stores that are behind
// would create or delete again; it waits until they have reached our last writes, for ten seconds
// at most.
import type { KubeObject } from './resource.ts';
import type { Store } from './store.ts';

type Seeing = Pick<Store<never>, 'hasSeen'>;

interface Expectation {
  readonly store: Seeing;
  readonly version: string;
  readonly namespace: string;
  readonly until: number;
}

const longestMs = 10_000;

export class Expectations {
  readonly #expected = new Map<string, readonly Expectation[]>();

  expect(key: string, store: Seeing, { metadata }: KubeObject, now: number): void {
    const { resourceVersion: version, namespace } = metadata;
    const known = this.#expected.get(key) ?? [];
    this.#expected.set(key, [...known, { store, version, namespace, until: now + longestMs }]);
  }

  /** Whether the stores have everything that was written for this key, or had their time. */
  areMet(key: string, now: number): boolean {
    const open = (this.#expected.get(key) ?? []).filter(
      ({ store, version, namespace, until }) => now < until && !store.hasSeen(version, namespace),
    );
    if (open.length === 0) this.#expected.delete(key);
    else this.#expected.set(key, open);
    return open.length === 0;
  }

  forget(key: string): void {
    this.#expected.delete(key);
  }
}
