// Requests to the API server over one pool of connections. Each has a deadline and an AbortSignal;
// nothing is retried here, because only the caller knows whether a second try is safe: an error
// carries what the server said about waiting.
import { Agent, type Dispatcher, request } from 'undici';
import type { Clock } from '../../crds/clock.ts';
import { linesOf } from '../../crds/text/lines.ts';
import { type ApiError, toApiError, unanswered } from './api-error.ts';
import type { CredentialSource, TlsMaterial } from './credentials.ts';

type Verb = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface KubeRequest {
  readonly verb: Verb;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  readonly body?: unknown;
  readonly contentType?: string;
}

export interface TransportFacts {
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly timeoutMs: number;
  readonly connections: number;
  /** For metrics: every answer and every failure to get one (0). */
  readonly seen?: (verb: Verb, status: number, ms: number) => void;
}

/** What the rest of the operator needs of a transport; a simulation has one without a network. */
export interface KubeTransport {
  /**
   * Server time minus our time, by the `Date` of the last answer; that header has whole seconds.
   */
  readonly skewMs: number;
  /** The parsed body of the answer. */
  send(asked: KubeRequest, signal: AbortSignal): Promise<unknown>;
  /**
   * The lines of an answer that goes on: a watch. `quietMs` without a byte ends it with an error.
   * The caller must read it to its end, leave the loop, or abort; each of these frees the
   * connection.
   */
  lines(asked: KubeRequest, quietMs: number, signal: AbortSignal): AsyncIterable<string>;
}

export class Transport implements KubeTransport, AsyncDisposable {
  readonly #facts: TransportFacts;
  #agent: { readonly key: string; readonly agent: Agent } | undefined;
  #skewMs = 0;

  constructor(facts: TransportFacts) {
    this.#facts = facts;
  }

  get skewMs(): number {
    return this.#skewMs;
  }

  async send(asked: KubeRequest, signal: AbortSignal): Promise<unknown> {
    const deadline = AbortSignal.timeout(this.#facts.timeoutMs);
    const both = AbortSignal.any([signal, deadline]);
    const response = await this.#request(asked, both, signal, 0);
    try {
      const text = await response.body.text();
      return text === '' ? undefined : JSON.parse(text);
    } catch (error) {
      signal.throwIfAborted();
      throw unanswered(wordsOf(asked), error);
    }
  }

  async *lines(asked: KubeRequest, quietMs: number, signal: AbortSignal): AsyncGenerator<string> {
    const { body } = await this.#request(asked, signal, signal, quietMs);
    try {
      body.setEncoding('utf8');
      yield* linesOf(body as AsyncIterable<string>);
    } catch (error) {
      signal.throwIfAborted();
      throw unanswered(wordsOf(asked), error);
    } finally {
      body.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.agent.destroy();
  }

  async #request(
    asked: KubeRequest,
    signal: AbortSignal,
    outer: AbortSignal,
    bodyTimeout: number,
  ): Promise<Dispatcher.ResponseData> {
    const { credentials, clock, timeoutMs, seen } = this.#facts;
    const began = clock.monotonic();
    let response: Dispatcher.ResponseData;
    try {
      const { headers, tls, tlsKey } = await credentials.current();
      response = await request(credentials.server + asked.path + queryOf(asked), {
        method: asked.verb,
        headers: { ...this.#headers(asked), ...headers },
        body: asked.body === undefined ? null : JSON.stringify(asked.body),
        dispatcher: this.#dispatcher(tlsKey, tls),
        headersTimeout: timeoutMs,
        bodyTimeout,
        signal,
      });
    } catch (error) {
      outer.throwIfAborted();
      seen?.(asked.verb, 0, clock.monotonic() - began);
      throw unanswered(wordsOf(asked), error);
    }
    seen?.(asked.verb, response.statusCode, clock.monotonic() - began);
    this.#noteDate(response.headers['date']);
    if (response.statusCode >= 200 && response.statusCode < 300) return response;
    if (response.statusCode === 401) credentials.renew();
    throw await refusal(asked, response, outer);
  }

  #headers({ body, contentType }: KubeRequest): Record<string, string> {
    return {
      accept: 'application/json',
      'user-agent': this.#facts.userAgent,
      ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
    };
  }

  /** New TLS material means new connections; requests under way end on the old ones. */
  #dispatcher(key: string, tls: TlsMaterial): Agent {
    if (this.#agent?.key !== key) {
      this.#agent?.agent.close().catch(() => undefined); // its own requests report their errors
      const { connections } = this.#facts;
      const connect = { ...tls, keepAlive: true, keepAliveInitialDelay: 30_000 };
      this.#agent = { key, agent: new Agent({ connections, connect }) };
    }
    return this.#agent.agent;
  }

  #noteDate(header: string | string[] | undefined): void {
    const server = Date.parse(String(header));
    if (!Number.isNaN(server)) this.#skewMs = server - this.#facts.clock.now();
  }
}

async function refusal(
  asked: KubeRequest,
  { statusCode, headers, body }: Dispatcher.ResponseData,
  signal: AbortSignal,
): Promise<ApiError> {
  const text = await body.text().catch((error: unknown) => {
    signal.throwIfAborted();
    return String(error);
  });
  const wait = headers['retry-after'];
  const retryAfter = typeof wait === 'string' ? wait : undefined;
  return toApiError(wordsOf(asked), statusCode, parsedOr(text), retryAfter);
}

/** A Status where it is JSON; a proxy on the way may answer in plain text. */
function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { kind: 'Status', message: text.slice(0, 512) };
  }
}

function queryOf({ query }: KubeRequest): string {
  const entries = Object.entries(query ?? {}).flatMap(([key, value]): [string, string][] =>
    value === undefined ? [] : [[key, String(value)]],
  );
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`;
}

/** `get jobs in team-a`, as errors say it: the path without its prefix. */
function wordsOf({ verb, path }: KubeRequest): string {
  return `${verb} ${path.replace(/^\/apis?\//, '')}`;
}
