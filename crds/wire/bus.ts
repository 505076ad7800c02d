// The one door to NATS: everything that a program of ours does on the bus, and nothing else of the library. A write that lost
// against another one is an answer ('Conflict'); anything else that goes wrong is E_BUS_UNAVAILABLE, and may have happened.
//
// A watcher gets all present values at the start and again after each reconnect, because for seconds after a server comes
// back the library's own watch is silent: silence would look like "nothing changed".
import {
  connect,
  type JetStreamClient,
  type KV,
  type NatsConnection,
  NatsError,
  tokenAuthenticator,
} from 'nats';
import { TransientError } from '../errors.ts';
import { ensureLayout, type Layout } from './bus-layout.ts';

export interface BusSettings {
  readonly url: string;
  /** Who this is, for the server's list of connections. */
  readonly name: string;
  /** Read at each connect, because tokens are rotated. */
  readonly token?: (() => string) | undefined;
  /** Where answers come back; a server that gives rights per job allows only the job's own. */
  readonly inboxPrefix?: string | undefined;
}

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}

/** What a watcher hears. `All` replaces whatever was known: the start, and each reconnect. */
export type Change =
  | { readonly type: 'All'; readonly entries: readonly Entry[] }
  | { readonly type: 'Put'; readonly entry: Entry }
  | { readonly type: 'Gone'; readonly key: string };

export interface Message {
  readonly subject: string;
  readonly value: Uint8Array;
  /** Place in the stream. */
  readonly sequence: number;
}

const connectMs = 5_000;
const answerMs = 5_000;
/** A connection without an answer to two pings is dead: a partition says nothing by itself. */
const pings = { pingInterval: 5_000, maxPingOut: 2 } as const;
/** JetStream: the expected revision is not the last one. */
const wrongRevision = 10_071;

export class Bus implements AsyncDisposable {
  readonly #connection: NatsConnection;
  readonly #stream: JetStreamClient;
  readonly #buckets = new Map<string, Promise<KV>>();
  readonly #onReconnect = new Set<() => void>();
  #connected = true;

  /** Rejects when no server answers now; later losses are mended by itself, for as long as the object lives. */
  static async connect({ url, name, token, inboxPrefix }: BusSettings): Promise<Bus> {
    const connection = await unavailable(
      connect({
        servers: url.split(','),
        name,
        timeout: connectMs,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 500,
        reconnectJitter: 500,
        ...pings,
        ...(token === undefined ? {} : { authenticator: tokenAuthenticator(token) }),
        ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
      }),
    );
    return new Bus(connection);
  }

  private constructor(connection: NatsConnection) {
    this.#connection = connection;
    this.#stream = connection.jetstream({ timeout: answerMs });
    void this.#followStatus();
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Makes what is missing of buckets and streams. Workers have no right to it, and no need. */
  ensure(layout: Layout): Promise<void> {
    return unavailable(ensureLayout(this.#connection, layout));
  }

  async read(bucket: string, key: string): Promise<Entry | undefined> {
    const kv = await this.#bucket(bucket);
    const found = await unavailable(kv.get(key));
    if (found === null || found.operation !== 'PUT') return undefined;
    return { key, value: found.value, revision: found.revision };
  }

  /** The new revision; 'Conflict' where the key is there already. */
  async create(bucket: string, key: string, value: Uint8Array): Promise<number | 'Conflict'> {
    const kv = await this.#bucket(bucket);
    return orConflict(kv.create(key, value));
  }

  /** Compare-and-set: 'Conflict' where `revision` is not the newest any more. */
  async replace(bucket: string, { key, value, revision }: Entry): Promise<number | 'Conflict'> {
    const kv = await this.#bucket(bucket);
    return orConflict(kv.update(key, value, revision));
  }

  async put(bucket: string, key: string, value: Uint8Array): Promise<number> {
    const kv = await this.#bucket(bucket);
    return unavailable(kv.put(key, value));
  }

  /** Removes the keys that match, with their history. */
  async purge(bucket: string, pattern: string): Promise<void> {
    const kv = await this.#bucket(bucket);
    await unavailable(kv.purge(pattern));
  }

  /** Tells `see` of the keys that match until the signal is aborted or the watch breaks, which rejects. */
  async watch(
    bucket: string,
    pattern: string,
    see: (change: Change) => void,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      const again = new AbortController();
      const renew = () => again.abort();
      this.#onReconnect.add(renew);
      try {
        await this.#watchOnce(bucket, pattern, see, AbortSignal.any([signal, again.signal]));
      } finally {
        this.#onReconnect.delete(renew);
      }
    }
  }

  async #watchOnce(
    bucket: string,
    pattern: string,
    see: (change: Change) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const kv = await this.#bucket(bucket);
    const first = new Map<string, Entry>();
    let begun = false;
    const changes = await unavailable(
      kv.watch({
        key: pattern,
        initializedFn: () => {
          begun = true;
          see({ type: 'All', entries: [...first.values()] });
        },
      }),
    );
    const stop = () => changes.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      for await (const { key, value, revision, operation } of changes) {
        const entry = { key, value, revision };
        if (signal.aborted) return;
        if (operation !== 'PUT') {
          first.delete(key);
          if (begun) see({ type: 'Gone', key });
        } else if (begun) see({ type: 'Put', entry });
        else first.set(key, entry);
      }
    } catch (error) {
      throw busUnavailable(error);
    } finally {
      signal.removeEventListener('abort', stop);
    }
    if (!signal.aborted) throw busUnavailable(new Error(`the watch of ${pattern} ended`));
  }

  /** Appends to the stream that keeps this subject. The same id is kept once, so an unanswered one may be sent again. */
  async publish(subject: string, value: Uint8Array, id: string): Promise<void> {
    await unavailable(this.#stream.publish(subject, value, { msgID: id, timeout: answerMs }));
  }

  /** What a stream holds of these subjects and what is added, in order, until the signal is aborted. */
  async *messages(
    stream: string,
    subjects: readonly string[],
    from: number,
    signal: AbortSignal,
  ): AsyncGenerator<Message> {
    const consumer = await unavailable(
      this.#stream.consumers.get(stream, {
        filterSubjects: [...subjects],
        ...(from <= 1 ? {} : { opt_start_seq: from }),
      }),
    );
    const found = await unavailable(consumer.consume());
    const stop = () => found.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      for await (const { subject, data, seq } of found) {
        yield { subject, value: data, sequence: seq };
      }
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Whatever matters was acknowledged; waiting for a server that is away would keep the process alive.
    await this.#connection.close();
  }

  #bucket(name: string): Promise<KV> {
    const known = this.#buckets.get(name);
    if (known !== undefined) return known;
    const opened = this.#stream.views.kv(name, { bindOnly: true, allow_direct: true });
    this.#buckets.set(name, opened);
    opened.catch(() => this.#buckets.delete(name));
    return unavailable(opened);
  }

  async #followStatus(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === 'disconnect') this.#connected = false;
      if (type !== 'reconnect') continue;
      this.#connected = true;
      for (const renew of [...this.#onReconnect]) renew();
    }
    this.#connected = false;
  }
}

async function orConflict(write: Promise<number>): Promise<number | 'Conflict'> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof NatsError && error.api_error?.err_code === wrongRevision)
      return 'Conflict';
    throw busUnavailable(error);
  }
}

async function unavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw busUnavailable(error);
  }
}

function busUnavailable(cause: unknown): TransientError {
  if (cause instanceof TransientError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TransientError({
    code: 'E_BUS_UNAVAILABLE',
    message: `the bus does not answer: ${why}`,
    cause,
  });
}
