// The API server for the command line: requests with a deadline, and streamed answers. Nothing is
// retried here: a user can press a key again, and a watch has its own schedule.
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { linesOf } from '../../crds/text/lines.ts';
import { refused, unanswered } from './kube-error.ts';
import type { KubeAccess } from './kubeconfig.ts';

interface KubeAsked {
  readonly verb: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
}

/** An idle connection may be dropped in between without notice after this time. */
const idleMs = 4_000;

/** A reused connection closed before any answer. */
class ClosedUnused extends Error {
  readonly code = 'ECONNRESET';
}

export class Kube implements AsyncDisposable {
  readonly access: KubeAccess;
  readonly #timeoutMs: number;
  readonly #agent: HttpAgent;

  constructor(access: KubeAccess, timeoutMs: number) {
    this.access = access;
    this.#timeoutMs = timeoutMs;
    const OneAgent = access.server.startsWith('http:') ? HttpAgent : Agent;
    this.#agent = new OneAgent({ keepAlive: true, timeout: idleMs });
  }

  get server(): string {
    return this.access.server;
  }

  /** The parsed body of the answer. */
  async send(asked: KubeAsked, signal: AbortSignal): Promise<unknown> {
    const text = await this.text(asked, signal);
    try {
      return text === '' ? undefined : JSON.parse(text);
    } catch (error) {
      throw unanswered(this.server, error);
    }
  }

  async text(asked: KubeAsked, signal: AbortSignal): Promise<string> {
    const limit = AbortSignal.timeout(this.#timeoutMs);
    const answer = await this.#ask(asked, AbortSignal.any([signal, limit]), signal, 0);
    try {
      return await textOf(answer);
    } catch (error) {
      signal.throwIfAborted();
      throw unanswered(this.server, limit.aborted ? limit.reason : error);
    }
  }

  /** Lines of a streamed answer; `quietMs` without a byte ends it with an error. */
  async *lines(asked: KubeAsked, quietMs: number, signal: AbortSignal): AsyncGenerator<string> {
    const answer = await this.#ask(asked, signal, signal, quietMs);
    try {
      yield* linesOf(answer as AsyncIterable<string>);
    } catch (error) {
      signal.throwIfAborted();
      throw unanswered(this.server, error);
    } finally {
      answer.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
  }

  async #ask(
    asked: KubeAsked,
    signal: AbortSignal,
    outer: AbortSignal,
    quietMs: number,
  ): Promise<IncomingMessage> {
    const { verb, path } = asked;
    let answer: IncomingMessage;
    try {
      answer = await this.#answer(asked, signal, quietMs).catch((error: unknown) => {
        // The server closed a kept-alive connection that looked open. Repeating a request is safe,
        // except a create.
        if (!(error instanceof ClosedUnused) || verb === 'POST') throw error;
        return this.#answer(asked, signal, quietMs);
      });
    } catch (error) {
      outer.throwIfAborted();
      throw unanswered(this.server, signal.aborted ? signal.reason : error);
    }
    answer.setEncoding('utf8');
    const status = answer.statusCode ?? 0;
    if (status < 300) return answer;
    const text = await textOf(answer).catch(() => ''); // the status code is enough
    throw refused(`${verb} ${path}`, status, text);
  }

  async #answer(
    { verb, path, query, body, contentType = 'application/json' }: KubeAsked,
    signal: AbortSignal,
    quietMs: number,
  ): Promise<IncomingMessage> {
    const { headers, ...options } = await this.access.authorize();
    const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const ask = this.server.startsWith('http:') ? httpRequest : httpsRequest;
    const request = ask(`${this.server}${path}${queryText(query)}`, {
      agent: this.#agent,
      ...options,
      method: verb,
      headers: {
        accept: 'application/json',
        'user-agent': 'anneal',
        ...(content === undefined
          ? {}
          : { 'content-type': contentType, 'content-length': content.length }),
        ...headers,
      },
      signal,
      timeout: this.#timeoutMs,
    });
    const answered = answerTo(request);
    request.end(content);
    const answer = await answered;
    request.setTimeout(quietMs);
    return answer;
  }
}

/** Resolves with the head of the answer; a timeout of the request destroys it. */
function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let heard: ClientRequest | IncomingMessage = request;
    request.on('timeout', () => {
      heard.destroy(new DOMException('nothing was heard', 'TimeoutError'));
    });
    request.once('response', (answer) => {
      heard = answer;
      resolve(answer);
    });
    // Errors after the head reach the reader through the answer itself.
    request.on('error', (error: NodeJS.ErrnoException) => {
      const isStale = request.reusedSocket && error.code === 'ECONNRESET';
      reject(isStale ? new ClosedUnused(error.message, { cause: error }) : error);
    });
  });
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer as AsyncIterable<string>) text += chunk;
  return text;
}

function queryText(query: KubeAsked['query']): string {
  const entries = Object.entries(query ?? {}).flatMap(([key, value]): [string, string][] =>
    value === undefined ? [] : [[key, String(value)]],
  );
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`;
}
