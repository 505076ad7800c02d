// The memory of a small API server: objects by path, one growing version, a log that watches read
// and that can be compacted. It knows nothing about kinds; what a real API server does with a
// schema is tested against a real one.
import { isDeepStrictEqual } from 'node:util';
import { applied, jsonPatched, mergePatched, type PatchStep, type Tree } from './patches.ts';

export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

export class RefusalError extends Error {
  readonly refusal: Refusal;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.refusal = { status, reason, message };
  }
}

export interface LogEntry {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly collection: string;
  readonly object: Tree;
}

/** `apis/batch/v1/jobs` and a namespace. */
export interface At {
  readonly collection: string;
  readonly namespace: string;
  readonly name: string;
}

interface Kept {
  object: Tree;
  readonly managers: Map<string, Tree>;
}

export class KubeObjects {
  readonly #kept = new Map<string, Kept>();
  #log: LogEntry[] = [];
  #version = 100;
  #compacted = 0;
  #uids = 0;
  readonly #listeners = new Set<(entry: LogEntry) => void>();
  /** Time for creation and deletion stamps. */
  now: () => number = () => 0;

  get version(): number {
    return this.#version;
  }

  all(collection: string): readonly Tree[] {
    return [...this.#kept]
      .filter(([key]) => key.startsWith(`${collection} `))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { object }]) => object);
  }

  get(at: At): Tree {
    return this.#require(at).object;
  }

  find(at: At): Tree | undefined {
    return this.#kept.get(keyOf(at))?.object;
  }

  create(at: Omit<At, 'name'>, body: Tree): Tree {
    const meta = metaOf(body);
    const name = String(meta['name']);
    const key = keyOf({ ...at, name });
    if (this.#kept.has(key)) throw new RefusalError(409, 'AlreadyExists', `${name} already exists`);
    const object = {
      ...structuredClone(body),
      metadata: {
        ...structuredClone(meta),
        name,
        namespace: at.namespace,
        uid: `uid-${++this.#uids}`,
        generation: 1,
        creationTimestamp: new Date(this.now()).toISOString().replace(/\.\d+Z/, 'Z'),
      },
    };
    this.#kept.set(key, { object, managers: new Map() });
    return this.#commit('ADDED', at.collection, key, object);
  }

  put(at: At, body: Tree): Tree {
    const kept = this.#require(at);
    const wanted = metaOf(body)['resourceVersion'];
    const present = metaOf(kept.object)['resourceVersion'];
    if (wanted !== undefined && wanted !== present) {
      throw new RefusalError(409, 'Conflict', `${at.name} has been modified`);
    }
    return this.#change(at, kept, { ...kept.object, ...structuredClone(body) });
  }

  jsonPatch(at: At, steps: readonly PatchStep[]): Tree {
    const kept = this.#require(at);
    const next = jsonPatched(kept.object, steps);
    if (next === null) throw new RefusalError(422, 'Invalid', 'the patch does not hold');
    return this.#change(at, kept, next);
  }

  mergePatch(at: At, patch: Tree): Tree {
    const kept = this.#require(at);
    return this.#change(at, kept, mergePatched(kept.object, patch) as Tree);
  }

  apply(at: At, manager: string, body: Tree, subresource: string | undefined): Tree {
    const { uid, resourceVersion, ...meta } = metaOf(body);
    const kept = this.#kept.get(keyOf(at));
    if (kept === undefined) {
      if (subresource !== undefined) throw notFound(at);
      if (uid !== undefined) throw new RefusalError(409, 'Conflict', 'UID differs');
      const created = this.create(at, body);
      this.#kept.get(keyOf(at))?.managers.set(manager, applicable(body, meta));
      return created;
    }
    if (uid !== undefined && uid !== metaOf(kept.object)['uid']) {
      throw new RefusalError(409, 'Conflict', 'UID differs');
    }
    if (
      resourceVersion !== undefined &&
      resourceVersion !== metaOf(kept.object)['resourceVersion']
    ) {
      throw new RefusalError(409, 'Conflict', `${at.name} has been modified`);
    }
    const owner = subresource === undefined ? manager : `${manager}/${subresource}`;
    const next = applicable(body, meta);
    const before = kept.managers.get(owner) ?? {};
    kept.managers.set(owner, next);
    const others = [...kept.managers].filter(([name]) => name !== owner).map(([, tree]) => tree);
    return this.#change(at, kept, applied(kept.object, next, before, others));
  }

  /** Stays, marked, while it has finalizers. */
  delete(at: At, uid: unknown): Tree {
    const kept = this.#require(at);
    const meta = metaOf(kept.object);
    if (uid !== undefined && uid !== meta['uid']) {
      throw new RefusalError(409, 'Conflict', 'the UID in the precondition differs');
    }
    const finalizers = meta['finalizers'];
    if (Array.isArray(finalizers) && finalizers.length > 0) {
      if (meta['deletionTimestamp'] !== undefined) return kept.object;
      const deletionTimestamp = new Date(this.now()).toISOString().replace(/\.\d+Z/, 'Z');
      return this.#change(at, kept, {
        ...kept.object,
        metadata: { ...meta, deletionTimestamp },
      });
    }
    return this.#drop(at, kept);
  }

  /**
   * Calls back for what happened after `from`, and for all that follows; null when that is
   * forgotten.
   */
  watch(from: number, listener: (entry: LogEntry) => void): Disposable | null {
    if (from < this.#compacted) return null;
    for (const entry of this.#log) if (entry.version > from) listener(entry);
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Watches from before now are refused with 410. */
  compact(): void {
    this.#log = [];
    this.#compacted = ++this.#version;
  }

  #change(at: At, kept: Kept, next: Tree): Tree {
    const before = metaOf(kept.object);
    const specChanged = !isSame(next['spec'], kept.object['spec']);
    const meta = { ...metaOf(next), uid: before['uid'] };
    if (specChanged) Object.assign(meta, { generation: Number(before['generation']) + 1 });
    const object: Tree = { ...next, metadata: meta };
    const same = isSame(
      { ...object, metadata: { ...meta, resourceVersion: 0 } },
      { ...kept.object, metadata: { ...before, resourceVersion: 0 } },
    );
    if (same) return kept.object;
    const finalizers = meta['finalizers' as keyof typeof meta] as unknown;
    const gone = Array.isArray(finalizers) ? finalizers.length === 0 : finalizers === undefined;
    if ('deletionTimestamp' in meta && gone) return this.#drop(at, { ...kept, object });
    kept.object = object;
    return this.#commit('MODIFIED', at.collection, keyOf(at), object);
  }

  #drop(at: At, kept: Kept): Tree {
    this.#kept.delete(keyOf(at));
    return this.#commit('DELETED', at.collection, keyOf(at), kept.object);
  }

  #commit(type: LogEntry['type'], collection: string, key: string, object: Tree): Tree {
    const version = ++this.#version;
    const stamped: Tree = {
      ...object,
      metadata: { ...metaOf(object), resourceVersion: String(version) },
    };
    const kept = this.#kept.get(key);
    if (kept !== undefined) kept.object = stamped;
    const entry: LogEntry = { version, type, collection, object: stamped };
    this.#log.push(entry);
    for (const listener of this.#listeners) listener(entry);
    return stamped;
  }

  #require(at: At): Kept {
    const kept = this.#kept.get(keyOf(at));
    if (kept === undefined) throw notFound(at);
    return kept;
  }
}

/** As JSON has it, which knows no undefined. */
function isSame(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(one, other) || JSON.stringify(one) === JSON.stringify(other);
}

export function metaOf(object: Tree): Tree {
  return (object['metadata'] ?? {}) as Tree;
}

function keyOf({ collection, namespace, name }: At): string {
  return `${collection} ${namespace}/${name}`;
}

function notFound({ name }: At): RefusalError {
  return new RefusalError(404, 'NotFound', `${name} is not found`);
}

/** What a manager can own: nothing of the server's, and not the name. */
function applicable({ apiVersion: _, kind: __, ...body }: Tree, meta: Tree): Tree {
  const { name: ___, namespace: ____, ...owned } = meta;
  return Object.keys(owned).length === 0
    ? Object.fromEntries(Object.entries(body).filter(([key]) => key !== 'metadata'))
    : { ...body, metadata: owned };
}
