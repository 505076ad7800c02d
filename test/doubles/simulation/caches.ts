// What the informers of one leader hold: stores that are told of changes when a test says so, of
// all or of the first few.
import type { KubeObject, Resource } from '../../../operator/runtime/resource.ts';
import type { Store } from '../../../operator/runtime/store.ts';
import type { KubeObjects, LogEntry } from '../kube/objects.ts';
import type { Tree } from '../kube/patches.ts';
import { labelsOf } from './job-controller.ts';

type AnyStore = Pick<Store<KubeObject, string>, 'put' | 'remove' | 'reached'>;

export interface Kept {
  readonly collection: string;
  readonly store: AnyStore;
  readonly resource: Resource<KubeObject>;
  /** Label of those that are followed; undefined: all. */
  readonly wanted: string | undefined;
}

/** A store with the resource that fills it. */
export function kept<T extends KubeObject, Name extends string>(
  collection: string,
  store: Store<T, Name>,
  resource: Resource<T>,
  wanted?: string,
): Kept {
  // The types cannot say of a list that each store has what its resource reads.
  return { collection, store: store as unknown as AnyStore, resource, wanted };
}

export class Caches {
  readonly #kept: readonly Kept[];
  readonly #pending: LogEntry[] = [];

  /** They begin with what is there. */
  constructor(objects: KubeObjects, all: readonly Kept[]) {
    this.#kept = all;
    for (const { collection, store, resource, wanted } of all) {
      const followed = objects.all(collection).filter((each) => follows(wanted, each));
      for (const object of followed) store.put(readOnce(resource, object));
      store.reached(String(objects.version));
    }
    objects.watch(objects.version, (entry) => void this.#pending.push(entry));
  }

  /** All of what happened, or only the first changes. */
  deliver(count = Number.POSITIVE_INFINITY): void {
    for (const entry of this.#pending.splice(0, count)) this.#put(entry);
  }

  /** What happened before the first change that is wanted, and not that one. */
  deliverBefore(wanted: (entry: LogEntry) => boolean): void {
    const index = this.#pending.findIndex(wanted);
    if (index < 0) throw new Error('that has not happened');
    this.deliver(index);
  }

  #put({ collection, object, type, version }: LogEntry): void {
    for (const each of this.#kept) {
      if (each.collection === collection && follows(each.wanted, object)) {
        const read = readOnce(each.resource, object);
        if (type === 'DELETED') each.store.remove(read);
        else each.store.put(read);
      }
      each.store.reached(String(version));
    }
  }
}

function follows(wanted: string | undefined, object: Tree): boolean {
  return wanted === undefined || Object.hasOwn(labelsOf(object), wanted);
}

const known = new WeakMap<object, WeakMap<Tree, unknown>>();

/** Objects are never changed, only replaced, and each leader would read the same again. */
export function readOnce<T>(resource: Resource<T>, object: Tree): T {
  const read = known.get(resource) ?? new WeakMap<Tree, unknown>();
  known.set(resource, read);
  const found = read.get(object) ?? resource.read(object);
  read.set(object, found);
  return found as T;
}
