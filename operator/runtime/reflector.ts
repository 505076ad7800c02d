// Keeps a store equal to a resource of the API server: lists in pages, then watches with bookmarks,
// for ever. It survives what the client's informer does not: a cut connection, a watch that ends,
// 410, 429, a server that is away, a stream gone silent.
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import * as z from 'zod';
import type { Clock } from '../../crds/clock.ts';
import { ApiError, isStatus, toApiError } from './api-error.ts';
import { type BackoffSettings, pauseOf } from './backoff.ts';
import type { KubeClient, Selection } from './client.ts';
import type { Random } from './random.ts';
import { type KubeObject, keyOf, pathOf, type Resource } from './resource.ts';
import type { Store } from './store.ts';

export interface ReflectorFacts<T extends KubeObject> {
  readonly client: KubeClient;
  readonly resource: Resource<T>;
  readonly selection: Selection;
  readonly store: Store<T, string>;
  readonly clock: Clock;
  readonly random: Random;
  /** For logs and metrics: why the stream broke, or that an object could not be read. */
  readonly tell: (event: ReflectorEvent) => void;
}

export type ReflectorEvent =
  | {
      readonly type: 'Broken';
      readonly cause: 'Expired' | 'Refused' | 'Cut';
      readonly error: unknown;
    }
  | { readonly type: 'Unreadable'; readonly error: unknown };

const pageSize = 500;
/** Parsing must not hold up a lease that is about to be renewed. */
const objectsPerTurn = 200;
const shortestWatchSeconds = 300;
/** A stream without a byte for so much longer than it was to last is dead. */
const silenceFactor = 1.5;
const pauses: BackoffSettings = { firstMs: 800, longestMs: 30_000, jitter: 1 };

const watchEvent = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.unknown(),
});
const versioned = z.object({ metadata: z.object({ resourceVersion: z.string() }) });

export class Reflector<T extends KubeObject> {
  readonly #facts: ReflectorFacts<T>;
  readonly #synced = Promise.withResolvers<void>();
  #isSynced = false;
  /** Where the next watch begins; undefined: list first. */
  #version: string | undefined;

  constructor(facts: ReflectorFacts<T>) {
    this.#facts = facts;
  }

  /** Resolves when the store has been complete once. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Runs until aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, tell } = this.#facts;
    for (let failures = 0; !signal.aborted; ) {
      try {
        if (this.#version === undefined) await this.#list(signal);
        if (await this.#watch(signal)) failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        const expired = isStatus(error, 410);
        const refused = error instanceof ApiError && error.status > 0;
        if (expired) this.#version = undefined;
        tell({ type: 'Broken', cause: expired ? 'Expired' : refused ? 'Refused' : 'Cut', error });
        const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
        const pause = Math.max(asked, pauseOf(failures++, pauses, random));
        await clock.sleep(pause, signal).catch(() => undefined); // aborted: the loop ends
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, resource, selection, store } = this.#facts;
    // Several reflectors, one a namespace, may keep one store together.
    const { namespace } = selection;
    const mine = (key: string) => namespace === undefined || key.startsWith(`${namespace}/`);
    const unseen = new Set(store.keys().filter(mine));
    const lenient = { ...resource, read: (raw: unknown) => this.#read(raw) };
    let next: string | undefined;
    let version: string;
    do {
      const at = { limit: pageSize, from: next };
      const page = await client.page(lenient, selection, at, signal);
      for (const [index, object] of page.items.entries()) {
        if (index % objectsPerTurn === objectsPerTurn - 1) await yieldToOthers();
        if (object === undefined) continue;
        unseen.delete(keyOf(object));
        store.put(object);
      }
      version = page.resourceVersion;
      next = page.next;
    } while (next !== undefined);
    for (const key of unseen) {
      const gone = store.get(key);
      if (gone !== undefined) store.remove(gone);
    }
    this.#reached(version);
    this.#isSynced = true;
    this.#synced.resolve();
  }

  /** True when the stream told something before it ended. */
  async #watch(signal: AbortSignal): Promise<boolean> {
    const { client, resource, selection, random } = this.#facts;
    const timeoutSeconds = Math.round(shortestWatchSeconds * (1 + random()));
    const path = pathOf(resource, { namespace: selection.namespace });
    const query = {
      watch: true,
      allowWatchBookmarks: true,
      labelSelector: selection.labelSelector,
      resourceVersion: this.#version,
      timeoutSeconds,
    };
    const quietMs = timeoutSeconds * silenceFactor * 1000;
    let told = 0;
    for await (const line of client.transport.lines(
      { verb: 'GET', path, query },
      quietMs,
      signal,
    )) {
      this.#take(watchEvent.parse(JSON.parse(line)));
      if (++told % objectsPerTurn === 0) await yieldToOthers();
    }
    // A server that ends empty streams at once must not be asked in a tight loop.
    if (told === 0) await this.#facts.clock.sleep(pauses.firstMs, signal);
    return told > 0;
  }

  #take({ type, object: raw }: z.output<typeof watchEvent>): void {
    const { store, resource } = this.#facts;
    if (type === 'ERROR') throw toApiError(`watch ${resource.plural}`, 500, raw, undefined);
    if (type !== 'BOOKMARK') {
      const object = this.#read(raw);
      if (object !== undefined) {
        if (type === 'DELETED') store.remove(object);
        else store.put(object);
      }
    }
    this.#reached(versioned.parse(raw).metadata.resourceVersion);
  }

  #reached(version: string): void {
    this.#version = version;
    this.#facts.store.reached(version, this.#facts.selection.namespace);
  }

  /** One object that we cannot read must not stop all others. */
  #read(raw: unknown): T | undefined {
    try {
      return this.#facts.resource.read(raw);
    } catch (error) {
      this.#facts.tell({ type: 'Unreadable', error });
      return undefined;
    }
  }
}
