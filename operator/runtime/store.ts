// Objects as the API server last told us, frozen, found by key or by what an index says of them.
// Only a reflector writes here.
import { type KubeObject, keyOf } from './resource.ts';

export type Change<T> =
  | { readonly type: 'Added'; readonly object: T }
  | { readonly type: 'Updated'; readonly object: T; readonly before: T }
  | { readonly type: 'Deleted'; readonly object: T };

/** Values under which an object is found: the UID of its owner, say. */
type Index<T> = (object: T) => readonly string[];

interface StoreFacts<T, Name extends string> {
  readonly indexes: Readonly<Record<Name, Index<T>>>;
}

export class Store<T extends KubeObject, Name extends string = never> {
  readonly #objects = new Map<string, T>();
  readonly #indexes: ReadonlyMap<string, { readonly of: Index<T>; readonly keys: KeysByValue }>;
  readonly #listeners = new Set<(change: Change<T>) => void>();
  /** How far the server has told, by namespace; '' where all are followed by one stream. */
  readonly #versions = new Map<string, bigint>();

  constructor({ indexes }: StoreFacts<T, Name>) {
    this.#indexes = new Map(
      Object.entries<Index<T>>(indexes).map(([name, of]) => [name, { of, keys: new Map() }]),
    );
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  keys(): readonly string[] {
    return [...this.#objects.keys()];
  }

  /** In the order of their keys, so that a decision on them is the same each time. */
  by(index: Name, value: string): readonly T[] {
    const keys = this.#indexes.get(index)?.keys.get(value) ?? new Set<string>();
    return [...keys].sort().flatMap((key) => {
      const object = this.#objects.get(key);
      return object === undefined ? [] : [object];
    });
  }

  /**
   * Called after each change, in order; an exception of a listener is the listener's bug and is not
   * caught.
   */
  subscribe(listener: (change: Change<T>) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /**
   * Whether everything up to this version was seen, of this namespace. Versions of one resource are
   * numbers that grow; the API promises that they can be compared since 1.35, and every earlier
   * server behaves so.
   */
  hasSeen(version: string, namespace: string): boolean {
    const seen = this.#versions.get('') ?? this.#versions.get(namespace) ?? 0n;
    return seen >= versionNumber(version);
  }

  /** The server has told everything up to here; without a namespace, of all of them. */
  reached(version: string, namespace = ''): void {
    const number = versionNumber(version);
    if (number > (this.#versions.get(namespace) ?? 0n)) this.#versions.set(namespace, number);
  }

  put(object: T): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    // Another UID under the same name is another object: a subscriber must see the first one go.
    if (before !== undefined && before.metadata.uid !== object.metadata.uid) this.remove(before);
    const known = this.#objects.get(key);
    if (known?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.#unindex(known);
    this.#objects.set(key, deepFreeze(object));
    for (const { of, keys } of this.#indexes.values()) {
      for (const value of of(object)) {
        const set = keys.get(value) ?? new Set();
        keys.set(value, set.add(key));
      }
    }
    this.#tell(
      known === undefined ? { type: 'Added', object } : { type: 'Updated', object, before: known },
    );
  }

  remove(object: KubeObject): void {
    const key = keyOf(object);
    const known = this.#objects.get(key);
    if (known === undefined) return;
    this.#unindex(known);
    this.#objects.delete(key);
    this.#tell({ type: 'Deleted', object: known });
  }

  #unindex(object: T | undefined): void {
    if (object === undefined) return;
    const key = keyOf(object);
    for (const { of, keys } of this.#indexes.values()) {
      for (const value of of(object)) {
        const set = keys.get(value);
        set?.delete(key);
        if (set?.size === 0) keys.delete(value);
      }
    }
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) listener(change);
  }
}

type KeysByValue = Map<string, Set<string>>;

function versionNumber(version: string): bigint {
  return /^\d+$/.test(version) ? BigInt(version) : 0n;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
