// A connection to NATS, kept up until it is disposed: publish, listen, ask. It and what stands on
// it (bus.ts, bucket.ts) import the client, so that another version of it is a change of these
// files.
import {
  type ConnectionOptions,
  connect,
  createInbox,
  ErrorCode,
  Events,
  type NatsConnection,
  NatsError,
  nkeyAuthenticator,
  tokenAuthenticator,
} from 'nats';
import { TransientError } from '../failures/errors.ts';
import { jsonLimits, parseJson } from '../text/json.ts';

export interface BusOptions {
  /** `nats://host:4222`, several joined by commas. */
  readonly url: string;
  /** Shown by the server. */
  readonly name: string;
  /** Read at every connect: a token that kubelet rotates. */
  readonly token?: () => string;
  /** Of a key, where the server knows its public half. */
  readonly seed?: Uint8Array;
  /**
   * Authorities that the server is trusted by, in PEM; those of the system where there are none.
   */
  readonly authority?: string;
  /** Where answers come back; a server that gives rights per job allows only the job's own. */
  readonly inboxPrefix?: string;
  /**
   * True behind a tunnel: the other servers that this one tells of cannot be reached, and its name
   * is not in the address.
   */
  readonly oneServer?: boolean;
}

/** A message that was heard. */
export interface HeardMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Empty where there is none of the name. */
  readonly header: (name: string) => string;
}

export const requestTimeoutMs = 5_000;
/** A connection without an answer to two pings is dead: a partition says nothing by itself. */
const pings = { pingInterval: 5_000, maxPingOut: 2 } as const;
const reconnectMs = 500;
/** Nobody is there to answer. */
const noResponders = 503;

export class Connection implements AsyncDisposable {
  /** For what stands on it. */
  readonly nats: NatsConnection;
  readonly #inboxPrefix: string | undefined;
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #lost = new AbortController();
  #connected = true;
  #isDisposed = false;

  private constructor(nats: NatsConnection, inboxPrefix: string | undefined) {
    this.nats = nats;
    this.#inboxPrefix = inboxPrefix;
    void this.#follow();
    void this.#tellEnd();
  }

  /** Waits for a server, for as long as the signal lets it. */
  static async connect(options: BusOptions, signal: AbortSignal): Promise<Connection> {
    for (;;) {
      const pending = connect(settingsOf(options));
      try {
        const nats = await Promise.race([pending, aborted(signal)]);
        return new Connection(nats, options.inboxPrefix);
      } catch (error) {
        pending.then((late) => late.close()).catch(() => undefined); // nobody waits for it any more
        signal.throwIfAborted();
        if (isRefusal(error)) throw unavailable(`the bus at ${options.url}`, error);
        await pause(reconnectMs, signal);
        signal.throwIfAborted();
      }
    }
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
   * Aborted when the connection is closed and not by us: after the second refusal in a row, which
   * may have been minutes apart, the client comes back no more. A server that has lost its storage
   * refuses all until whoever knows the bearers is back.
   */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Nobody says whether it was heard. */
  send(subject: string, value: unknown): void {
    this.nats.publish(subject, JSON.stringify(value));
  }

  listen(subject: string, heard: (message: HeardMessage) => void): Disposable {
    const subscription = this.nats.subscribe(subject, {
      callback: (error, { subject, data, headers }) => {
        if (error === null) heard({ subject, data, header: (name) => headers?.last(name) ?? '' });
      },
    });
    return { [Symbol.dispose]: () => subscription.unsubscribe() };
  }

  /** Everything that the server was sent before has reached it. */
  flush(): Promise<void> {
    return translated('flush', () => this.nats.flush());
  }

  async ask(subject: string, body: string | Uint8Array): Promise<Uint8Array> {
    const { data } = await translated(`ask ${subject}`, () =>
      this.nats.request(subject, body, { timeout: requestTimeoutMs }),
    );
    return data;
  }

  /** An answer in parts, in order; the timeout counts from part to part. */
  async *askParts(subject: string, body: string): AsyncGenerator<Uint8Array> {
    const reply = createInbox(this.#inboxPrefix);
    const parts = this.nats.subscribe(reply);
    const late = setTimeout(() => parts.unsubscribe(), requestTimeoutMs);
    try {
      this.nats.publish(subject, body, { reply });
      for await (const { data, headers } of parts) {
        if (headers?.code === noResponders) break;
        late.refresh();
        yield data;
      }
    } catch (error) {
      throw unavailable(`ask ${subject}`, error);
    } finally {
      clearTimeout(late);
      parts.unsubscribe();
    }
    throw unavailable(`ask ${subject}`, 'nobody is there to answer');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.nats.close();
  }

  async #follow(): Promise<void> {
    for await (const { type } of this.nats.status()) {
      if (type !== Events.Disconnect && type !== Events.Reconnect) continue;
      this.#connected = type === Events.Reconnect;
      for (const listener of this.#listeners) listener(this.#connected);
    }
  }

  /** The client's own word on its end; the list of what happened to it just stops. */
  async #tellEnd(): Promise<void> {
    await this.nats.closed();
    this.#connected = false;
    if (this.#isDisposed) return;
    for (const listener of this.#listeners) listener(false);
    this.#lost.abort();
  }
}

/** A server is there, and nobody behind it who answers now. */
export function isUnheard(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof NatsError && cause.code === ErrorCode.NoResponders;
}

/** A server is there, and does not want us. */
function isRefusal(error: unknown): boolean {
  const refusals: readonly string[] = [
    ErrorCode.AuthorizationViolation,
    ErrorCode.AuthenticationExpired,
  ];
  return error instanceof NatsError && refusals.includes(error.code);
}

function settingsOf(options: BusOptions): ConnectionOptions {
  const { url, name, token, seed, authority, inboxPrefix, oneServer = false } = options;
  return {
    ignoreClusterUpdates: oneServer,
    servers: url.split(','),
    name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectMs,
    timeout: requestTimeoutMs,
    ...pings,
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...(token === undefined ? {} : { authenticator: tokenAuthenticator(token) }),
    ...(seed === undefined ? {} : { authenticator: nkeyAuthenticator(seed) }),
    // Asked for by the address, so that nobody between can do without it.
    ...(url.includes('tls://') || authority !== undefined ? { tls: tlsOf(authority) } : {}),
  };
}

function tlsOf(authority: string | undefined): { readonly ca?: string } {
  return authority === undefined ? {} : { ca: authority };
}

export function jsonOf(data: Uint8Array): unknown {
  try {
    return parseJson(data, jsonLimits.message);
  } catch {
    return undefined; // the schema of the reader refuses it with a sentence
  }
}

export async function translated<T>(what: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw unavailable(what, error);
  }
}

export function unavailable(what: string, cause: unknown): TransientError {
  if (cause instanceof TransientError) return cause;
  const words = cause instanceof Error ? cause.message : String(cause);
  return new TransientError({
    code: 'E_BUS_UNAVAILABLE',
    message: `${what} got no answer from the bus: ${words}`,
    cause,
  });
}

/** Ends with the time or the signal. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = () => resolve();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  });
}

export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
