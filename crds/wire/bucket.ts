// A bucket of keys with compare-and-set, and watches. It belongs to one cluster, whose name begins
// every key; callers see keys without it.
//
// Watches of the client library come back some ten seconds after a server restart. Ours begin anew
// on every reconnect instead and list all keys again, so a watcher must accept a key twice.
import { type JetStreamManager, type KV, type KvEntry, NatsError } from 'nats';
import type { Entry, Watcher } from './bus-settings.ts';
import { aborted, type Connection, jsonOf, translated, unavailable } from './connection.ts';

const wrongRevision = 10_071;

interface BucketParts {
  readonly name: string;
  readonly cluster: string;
  readonly kv: KV;
  readonly connection: Connection;
  readonly manager: JetStreamManager;
}

export class Bucket {
  readonly #parts: BucketParts;

  constructor(parts: BucketParts) {
    this.#parts = parts;
  }

  async get(key: string): Promise<Entry | undefined> {
    const entry = await translated(`get ${key}`, () => this.#parts.kv.get(this.#full(key)));
    if (entry === null || entry.operation !== 'PUT') return undefined;
    return { value: jsonOf(entry.value), revision: entry.revision };
  }

  /** The revision; false when there is one already. */
  create(key: string, value: unknown): Promise<number | false> {
    return conditional(key, () => this.#parts.kv.create(this.#full(key), JSON.stringify(value)));
  }

  /** The new revision; false when the key has another one by now. */
  update(key: string, value: unknown, revision: number): Promise<number | false> {
    const text = JSON.stringify(value);
    return conditional(key, () => this.#parts.kv.update(this.#full(key), text, revision));
  }

  /** The new revision. */
  put(key: string, value: unknown): Promise<number> {
    return translated(`put ${key}`, () =>
      this.#parts.kv.put(this.#full(key), JSON.stringify(value)),
    );
  }

  /** Watches are told that it is gone. */
  async delete(key: string): Promise<void> {
    await translated(`delete ${key}`, () => this.#parts.kv.delete(this.#full(key)));
  }

  /**
   * Removes keys without a trace. Watches are not told: purging is for keys that nobody needs any
   * more.
   */
  async purge(filter: string): Promise<void> {
    const { name, manager } = this.#parts;
    const subject = `$KV.${name}.${this.#full(filter)}`;
    await translated(`purge ${filter}`, () =>
      manager.streams.purge(`KV_${name}`, { filter: subject }),
    );
  }

  /**
   * Tells all keys of the filter, then every change, until the signal is aborted. Rejects when the
   * connection is lost for good.
   */
  async watch(filter: string, watcher: Watcher, signal: AbortSignal): Promise<void> {
    const { kv, connection } = this.#parts;
    while (!signal.aborted) {
      const restart = new AbortController();
      using _subscription = connection.onConnection((connected) => connected && restart.abort());
      const stop = AbortSignal.any([signal, restart.signal, connection.lost]);
      try {
        const entries = await kv.watch({
          key: this.#full(filter),
          initializedFn: () => watcher.ready(),
        });
        stop.addEventListener('abort', () => entries.stop(), { once: true });
        if (stop.aborted) entries.stop(); // while the watch was being set up
        for await (const entry of entries) this.#tell(entry, watcher);
      } catch (error) {
        if (!stop.aborted) throw unavailable(`watch ${filter}`, error);
      }
      if (!signal.aborted && !restart.signal.aborted) await aborted(stop).catch(() => undefined);
      if (connection.lost.aborted && !signal.aborted)
        throw unavailable(`watch ${filter}`, 'the server has turned this connection away');
      watcher.again();
    }
  }

  #full(key: string): string {
    return `${this.#parts.cluster}.${key}`;
  }

  #tell(entry: KvEntry, watcher: Watcher): void {
    const value = entry.operation === 'PUT' ? jsonOf(entry.value) : undefined;
    watcher.entry(entry.key.slice(this.#parts.cluster.length + 1), value, entry.revision);
  }
}

async function conditional(key: string, write: () => Promise<number>): Promise<number | false> {
  return translated(`write ${key}`, async () => {
    try {
      return await write();
    } catch (error) {
      if (errorCode(error) === wrongRevision) return false;
      throw error;
    }
  });
}

/** Error codes of JetStream. */
export function errorCode(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined;
}
