// The connection to NATS, as all parts of the project use it: publish, streams, and buckets of keys with compare-and-set. Nothing else
// imports the client, so that another version of it is a change of this file.
//
// Watches of this client come back some ten seconds after a server was restarted. Ours begin anew on every reconnect instead, and tell all
// keys again: a watcher that is told of a key twice must not mind.
import {
  AckPolicy,
  type ConnectionOptions,
  connect,
  createInbox,
  DeliverPolicy,
  Events,
  type JetStreamManager,
  type KV,
  type KvEntry,
  type NatsConnection,
  NatsError,
  nanos,
  nuid,
  StorageType,
  type Subscription,
  tokenAuthenticator,
} from 'nats';
import { TransientError } from '../errors.ts';
import { jsonLimits, parseJson } from '../json.ts';
import type { BucketSettings, StreamSettings, Watcher } from './bus-settings.ts';

export interface BusOptions {
  /** `nats://host:4222`, several joined by commas. */
  readonly url: string;
  /** Shown by the server. */
  readonly name: string;
  /** Read at every connect: a token that kubelet rotates. */
  readonly token?: () => string;
  readonly caFile?: string;
  /** Where answers come back; a server that gives rights per job allows only the job's own. */
  readonly inboxPrefix?: string;
  /** True behind a tunnel: the other servers that this one tells of cannot be reached. */
  readonly oneServer?: boolean;
}

/** A stored message. */
export interface Message {
  readonly subject: string;
  readonly value: Uint8Array;
  /** Place in the stream. */
  readonly sequence: number;
  /** How many more the stream held when it was sent. */
  readonly left: number;
}

const requestTimeoutMs = 5_000;
/** A connection without an answer to two pings is dead: a partition says nothing by itself. */
const pings = { pingInterval: 5_000, maxPingOut: 2 } as const;
/** Error codes of JetStream. */
/** Status of a message of the server itself: it lives, or asks whether we keep up. */
const heartbeatCode = 100;
const wrongRevision = 10_071;
const streamNameInUse = 10_058;

export class Bus implements AsyncDisposable {
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #inboxPrefix: string | undefined;
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #lost = new AbortController();
  #connected = true;
  #isDisposed = false;

  private constructor(connection: NatsConnection, manager: JetStreamManager, inbox?: string) {
    this.#connection = connection;
    this.#inboxPrefix = inbox;
    this.#manager = manager;
    void this.#follow();
    void this.#tellEnd();
  }

  /** Waits for a server, for as long as the signal lets it. */
  static async connect(options: BusOptions, signal: AbortSignal): Promise<Bus> {
    const pending = connect(settingsOf(options));
    const connection = await Promise.race([pending, aborted(signal)]).catch((error: unknown) => {
      pending.then((late) => late.close()).catch(() => undefined); // nobody waits for it any more
      signal.throwIfAborted();
      throw unavailable(`the bus at ${options.url}`, error);
    });
    const manager = await connection.jetstreamManager({
      timeout: requestTimeoutMs,
      checkAPI: false,
    });
    return new Bus(connection, manager, options.inboxPrefix);
  }

  /** Called when the connection is lost and when it is back. */
  onConnection(listener: (connected: boolean) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  get connected(): boolean {
    return this.#connected;
  }

  /**
   * Aborted when the connection is closed and not by us: after the second refusal in a row, which may have been minutes apart, the client
   * comes back no more. A server that has lost its storage refuses all until whoever knows the bearers is back.
   */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** The bucket, which somebody else has made: workers have no right to. */
  async openBucket(name: string): Promise<Bucket> {
    const { views } = this.#connection.jetstream({ timeout: requestTimeoutMs });
    const kv = await translated(`bucket ${name}`, () =>
      views.kv(name, { bindOnly: true, allow_direct: true }),
    );
    return new Bucket(name, kv, this, this.#manager);
  }

  /** The bucket, made when it is not there. */
  async bucket(settings: BucketSettings): Promise<Bucket> {
    const { name, history, lifetimeSeconds, storage, replicas } = settings;
    const kv = await translated(`bucket ${name}`, () =>
      this.#connection.jetstream({ timeout: requestTimeoutMs }).views.kv(name, {
        ...{ history, replicas },
        storage: storage === 'File' ? StorageType.File : StorageType.Memory,
        ...(lifetimeSeconds === undefined ? {} : { ttl: lifetimeSeconds * 1000 }),
      }),
    );
    return new Bucket(name, kv, this, this.#manager);
  }

  async ensureStream(settings: StreamSettings): Promise<void> {
    const { name, subjects, maxAgeSeconds, maxBytes, replicas } = settings;
    const config = {
      ...{ name, subjects: [...subjects], num_replicas: replicas, max_bytes: maxBytes },
      max_age: nanos(maxAgeSeconds * 1000),
    };
    await translated(`stream ${name}`, async () => {
      try {
        await this.#manager.streams.add(config);
      } catch (error) {
        if (errorCode(error) !== streamNameInUse) throw error; // somebody made it otherwise; it is kept
      }
    });
  }

  /** Stored at most once under its id, however often it is sent. */
  async publish(subject: string, value: unknown, id: string): Promise<void> {
    const js = this.#connection.jetstream({ timeout: requestTimeoutMs });
    const payload = value instanceof Uint8Array ? value : JSON.stringify(value);
    await translated(`publish ${subject}`, () =>
      js.publish(subject, payload, { msgID: id, timeout: requestTimeoutMs }),
    );
  }

  /** How many messages a stream holds of a subject. */
  async count(stream: string, subject: string): Promise<number> {
    const { state } = await translated(`read ${stream}`, () =>
      this.#manager.streams.info(stream, { subjects_filter: subject }),
    );
    return Object.values(state.subjects ?? {}).reduce((sum, one) => sum + one, 0);
  }

  /**
   * What a stream holds of a subject and what is added, in order, until the signal is aborted. Every call that it makes names the
   * subject, so a server that gives rights by subject can tell whose messages are read.
   */
  async *messages(
    stream: string,
    subject: string,
    from: number,
    signal: AbortSignal,
  ): AsyncGenerator<Message> {
    let next = from;
    while (!signal.aborted) {
      const restart = new AbortController();
      using _connection = this.onConnection((connected) => connected && restart.abort());
      const stop = AbortSignal.any([signal, restart.signal]);
      const found = await translated(`read ${stream}`, () => this.#deliver(stream, subject, next));
      stop.addEventListener('abort', () => found.unsubscribe(), { once: true });
      if (stop.aborted) found.unsubscribe();
      try {
        for await (const message of found) {
          if (message.headers?.code === heartbeatCode) {
            // Answered when it is reached: the server sends no more than is read.
            if (message.reply) message.respond();
            continue;
          }
          const place = placeOf(message.reply ?? '');
          next = place.sequence + 1;
          yield { subject: message.subject, value: message.data, ...place };
        }
      } finally {
        found.unsubscribe();
      }
    }
  }

  /** A consumer that sends to an inbox of ours; the server forgets it when nobody listens. */
  async #deliver(stream: string, subject: string, from: number): Promise<Subscription> {
    const inbox = createInbox(this.#inboxPrefix);
    const subscription = this.#connection.subscribe(inbox);
    const start =
      from <= 1
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from };
    await this.#manager.consumers.add(stream, {
      ...{ name: nuid.next(), filter_subject: subject, deliver_subject: inbox, ...start },
      ...{ ack_policy: AckPolicy.None, max_deliver: 1, mem_storage: true, num_replicas: 1 },
      ...{ flow_control: true, idle_heartbeat: nanos(pings.pingInterval) },
    });
    return subscription;
  }

  /** Messages of a subject from now on, not stored ones. A value that is no JSON is undefined. */
  subscribe(subject: string, heard: (subject: string, value: unknown) => void): Disposable {
    const subscription = this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) heard(message.subject, parsed(message.string()));
      },
    });
    return { [Symbol.dispose]: () => subscription.unsubscribe() };
  }

  /** Removes stored messages of a subject. */
  async purge(stream: string, subject: string): Promise<void> {
    await translated(`purge ${subject}`, () =>
      this.#manager.streams.purge(stream, { filter: subject }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#connection.close();
  }

  async #follow(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type !== Events.Disconnect && type !== Events.Reconnect) continue;
      this.#connected = type === Events.Reconnect;
      for (const listener of this.#listeners) listener(this.#connected);
    }
  }

  /** The client's own word on its end; the list of what happened to it just stops. */
  async #tellEnd(): Promise<void> {
    await this.#connection.closed();
    this.#connected = false;
    if (this.#isDisposed) return;
    for (const listener of this.#listeners) listener(false);
    this.#lost.abort();
  }
}

interface Entry {
  readonly value: unknown;
  readonly revision: number;
}

export class Bucket {
  readonly #name: string;
  readonly #kv: KV;
  readonly #bus: Bus;
  readonly #manager: JetStreamManager;

  constructor(name: string, kv: KV, bus: Bus, manager: JetStreamManager) {
    this.#name = name;
    this.#kv = kv;
    this.#bus = bus;
    this.#manager = manager;
  }

  async get(key: string): Promise<Entry | undefined> {
    const entry = await translated(`get ${key}`, () => this.#kv.get(key));
    if (entry === null || entry.operation !== 'PUT') return undefined;
    return { value: parsed(entry.string()), revision: entry.revision };
  }

  /** The revision; false when there is one already. */
  create(key: string, value: unknown): Promise<number | false> {
    return this.#conditional(key, () => this.#kv.create(key, JSON.stringify(value)));
  }

  /** The new revision; false when the key has another one by now. */
  update(key: string, value: unknown, revision: number): Promise<number | false> {
    return this.#conditional(key, () => this.#kv.update(key, JSON.stringify(value), revision));
  }

  /** The new revision. */
  put(key: string, value: unknown): Promise<number> {
    return translated(`put ${key}`, () => this.#kv.put(key, JSON.stringify(value)));
  }

  /** Removes keys without a trace. Watches are not told: purging is for keys that nobody needs any more. */
  async purge(filter: string): Promise<void> {
    const subject = `$KV.${this.#name}.${filter}`;
    await translated(`purge ${filter}`, () =>
      this.#manager.streams.purge(`KV_${this.#name}`, { filter: subject }),
    );
  }

  /** Tells all keys of the filter, then every change, until the signal is aborted. Rejects when the connection is lost for good. */
  async watch(filter: string, watcher: Watcher, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const restart = new AbortController();
      using _subscription = this.#bus.onConnection((connected) => connected && restart.abort());
      const stop = AbortSignal.any([signal, restart.signal, this.#bus.lost]);
      try {
        const entries = await this.#kv.watch({ key: filter, initializedFn: watcher.ready });
        stop.addEventListener('abort', () => entries.stop(), { once: true });
        if (stop.aborted) entries.stop(); // while the watch was being set up
        for await (const entry of entries) tell(entry, watcher);
      } catch (error) {
        if (!stop.aborted) throw unavailable(`watch ${filter}`, error);
      }
      if (!signal.aborted && !restart.signal.aborted) await aborted(stop).catch(() => undefined);
      if (this.#bus.lost.aborted && !signal.aborted)
        throw unavailable(`watch ${filter}`, 'the server has turned this connection away');
      watcher.again();
    }
  }

  async #conditional(key: string, write: () => Promise<number>): Promise<number | false> {
    return translated(`write ${key}`, async () => {
      try {
        return await write();
      } catch (error) {
        if (errorCode(error) === wrongRevision) return false;
        throw error;
      }
    });
  }
}

function settingsOf(options: BusOptions): ConnectionOptions {
  const { url, name, token, caFile, inboxPrefix, oneServer = false } = options;
  return {
    ignoreClusterUpdates: oneServer,
    servers: url.split(','),
    name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    waitOnFirstConnect: true,
    ...pings,
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...(token === undefined ? {} : { authenticator: tokenAuthenticator(token) }),
    ...(caFile === undefined ? {} : { tls: { caFile } }),
  };
}

function tell(entry: KvEntry, watcher: Watcher): void {
  const value = entry.operation === 'PUT' ? parsed(entry.string()) : undefined;
  watcher.entry(entry.key, value, entry.revision);
}

function parsed(text: string): unknown {
  try {
    return parseJson(text, jsonLimits.message);
  } catch {
    return undefined; // the schema of the reader refuses it with a sentence
  }
}

/** `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<…>.<time>.<left>`; servers with domains put two words before the stream. */
function placeOf(reply: string): { readonly sequence: number; readonly left: number } {
  const words = reply.split('.');
  const at = words.length > 9 ? 7 : 5;
  return { sequence: Number(words[at]), left: Number(words[at + 3]) };
}

function errorCode(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined;
}

async function translated<T>(what: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw unavailable(what, error);
  }
}

function unavailable(what: string, cause: unknown): TransientError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new TransientError({
    code: 'E_BUS_UNAVAILABLE',
    message: `${what} got no answer from the bus: ${words}`,
    cause,
  });
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
