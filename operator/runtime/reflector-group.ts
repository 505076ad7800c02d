// Reflectors that belong together, each with its store: they are ready when all of them are, and a
// change of an object puts a key in a queue.
import { Reflector, type ReflectorEvent, type ReflectorFacts } from './reflector.ts';
import type { KubeObject, Resource } from './resource.ts';
import type { Store } from './store.ts';

export interface GroupFacts {
  readonly connection: Pick<ReflectorFacts<KubeObject>, 'client' | 'clock' | 'random'>;
  /** All when absent. */
  readonly namespaces: readonly string[] | undefined;
  readonly tell: (resource: string, event: ReflectorEvent) => void;
  /** Puts a key in line. */
  readonly changed: (key: string) => void;
}

export interface Following {
  /** Resolves when all are complete. */
  readonly synced: Promise<unknown>;
  /** Names of those that are not complete yet. */
  missing(): readonly string[];
  sizes(): ReadonlyMap<string, number>;
  /** Follows the API server until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

type Running = Pick<Reflector<KubeObject>, 'synced' | 'isSynced' | 'run'>;

interface Followed {
  readonly ours?: string;
  readonly clusterWide?: boolean;
}

export class ReflectorGroup {
  readonly #facts: GroupFacts;
  readonly #reflectors: { readonly name: string; readonly reflector: Running }[] = [];
  readonly #stores = new Map<string, { readonly size: number }>();

  constructor(facts: GroupFacts) {
    this.#facts = facts;
  }

  follow<T extends KubeObject, Name extends string>(
    resource: Resource<T>,
    store: Store<T, Name>,
    { ours, clusterWide }: Followed,
    keyOfChange: ((object: T) => string | undefined) | undefined,
  ): Store<T, Name> {
    const { connection, namespaces, tell, changed } = this.#facts;
    const { plural } = resource;
    const scopes = clusterWide === true ? [undefined] : (namespaces ?? [undefined]);
    for (const namespace of scopes) {
      const selection = { namespace, labelSelector: ours };
      const reflector = new Reflector<T>({
        ...connection,
        ...{ resource, selection, store },
        tell: (event) => tell(plural, event),
      });
      this.#reflectors.push({ name: plural, reflector: reflector });
    }
    // Of two stores of one resource the first is counted.
    if (!this.#stores.has(plural)) this.#stores.set(plural, store);
    if (keyOfChange !== undefined) {
      store.subscribe(({ object }) => {
        const key = keyOfChange(object);
        if (key !== undefined) changed(key);
      });
    }
    return store;
  }

  controls(): Following {
    const all = this.#reflectors;
    return {
      synced: Promise.all(all.map(({ reflector }) => reflector.synced)),
      missing: () => all.filter(({ reflector }) => !reflector.isSynced).map(({ name }) => name),
      sizes: () => new Map([...this.#stores].map(([name, { size }]) => [name, size])),
      run: async (signal) => {
        await Promise.all(all.map(({ reflector }) => reflector.run(signal)));
      },
    };
  }
}

/** False when the signal is aborted before. */
export async function untilSynced(
  synced: Promise<unknown>,
  leading: AbortSignal,
): Promise<boolean> {
  const lost = new Promise<boolean>((resolve) => {
    leading.addEventListener('abort', () => resolve(false), { once: true });
  });
  return Promise.race([synced.then(() => !leading.aborted), lost]);
}
