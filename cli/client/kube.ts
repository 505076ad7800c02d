// The API server, as the command line needs it: requests with a deadline, and answers that go on. Kubeconfig files, contexts and exec
// plugins are read by the official client; nothing is retried here, since a person can press a key again and a watch knows when to.
import { existsSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher, request } from 'undici';
import { TerminalError, UserError } from '../../crds/index.ts';
import { refused, unanswered } from './kube-error.ts';

interface KubeAsked {
  readonly verb: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
}

export interface KubePlace {
  readonly config: KubeConfig;
  /** Of the context. */
  readonly contextName: string;
  readonly namespace: string;
}

interface KubeconfigAsked {
  readonly file: string | undefined;
  /** Where kubectl looks; those that are there are merged. */
  readonly defaults: readonly string[];
  readonly context: string | undefined;
  readonly namespace: string | undefined;
}

export function readKubeconfig(asked: KubeconfigAsked): KubePlace {
  const config = loaded(asked);
  if (asked.context !== undefined) {
    const known = config.getContexts().map(({ name }) => name);
    if (!known.includes(asked.context)) {
      const hint = known.length === 0 ? 'the kubeconfig has none' : `there are ${known.join(', ')}`;
      const message = `the kubeconfig has no context ${JSON.stringify(asked.context)}`;
      throw new UserError({ code: 'E_NOT_FOUND', message, hint });
    }
    config.setCurrentContext(asked.context);
  }
  const contextName = config.getCurrentContext();
  if (config.getCurrentCluster() === null) {
    throw new TerminalError({
      code: 'E_UNREACHABLE',
      message: 'the kubeconfig names no cluster in its current context',
      hint: 'set KUBECONFIG or --kubeconfig; --local means the runs of this machine',
    });
  }
  const own = config.getContextObject(contextName)?.namespace;
  return { config, contextName, namespace: asked.namespace ?? own ?? 'default' };
}

function loaded({ file, defaults }: KubeconfigAsked): KubeConfig {
  const files = file === undefined ? defaults.filter((one) => existsSync(one)) : [file];
  const [first, ...others] = files;
  const config = new KubeConfig();
  if (first === undefined) {
    config.loadFromCluster();
    return config;
  }
  load(config, first);
  for (const one of others) {
    const more = new KubeConfig();
    load(more, one);
    config.mergeConfig(more);
  }
  return config;
}

function load(config: KubeConfig, file: string): void {
  try {
    config.loadFromFile(file);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, cause: unknown): UserError {
  const words = cause instanceof Error ? cause.message : String(cause);
  const missing = (cause as { code?: string }).code === 'ENOENT';
  return new UserError({
    code: missing ? 'E_NOT_FOUND' : 'E_USAGE',
    message: `${file} ${missing ? 'does not exist' : `cannot be read: ${words}`}`,
    hint: 'kubectl config view shows whether kubectl can read it',
    cause,
  });
}

export class Kube implements AsyncDisposable {
  readonly config: KubeConfig;
  readonly #server: string;
  readonly #timeoutMs: number;
  #agent: Promise<{ readonly agent: Agent; readonly headers: Record<string, string> }> | undefined;

  constructor(config: KubeConfig, timeoutMs: number) {
    this.config = config;
    this.#server = (config.getCurrentCluster()?.server ?? '').replace(/\/+$/, '');
    this.#timeoutMs = timeoutMs;
  }

  get server(): string {
    return this.#server;
  }

  /** The parsed body of the answer. */
  async send(asked: KubeAsked, signal: AbortSignal): Promise<unknown> {
    const text = await this.text(asked, signal);
    try {
      return text === '' ? undefined : JSON.parse(text);
    } catch (error) {
      throw unanswered(this.#server, error);
    }
  }

  async text(asked: KubeAsked, signal: AbortSignal): Promise<string> {
    const limit = AbortSignal.timeout(this.#timeoutMs);
    const { body } = await this.#request(asked, AbortSignal.any([signal, limit]), signal, 0);
    try {
      return await body.text();
    } catch (error) {
      signal.throwIfAborted();
      throw unanswered(this.#server, error);
    }
  }

  /** Lines of an answer that goes on; `quietMs` without a byte ends it with an error. */
  async *lines(asked: KubeAsked, quietMs: number, signal: AbortSignal): AsyncGenerator<string> {
    const { body } = await this.#request(asked, signal, signal, quietMs);
    let rest = '';
    try {
      body.setEncoding('utf8');
      for await (const chunk of body as AsyncIterable<string>) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line !== '') yield line;
      }
      if (rest !== '') yield rest;
    } catch (error) {
      signal.throwIfAborted();
      throw unanswered(this.#server, error);
    } finally {
      body.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { agent } = (await this.#agent?.catch(() => undefined)) ?? {};
    await agent?.destroy();
  }

  async #request(
    { verb, path, query, body, contentType = 'application/json' }: KubeAsked,
    signal: AbortSignal,
    outer: AbortSignal,
    bodyTimeout: number,
  ): Promise<Dispatcher.ResponseData> {
    let response: Dispatcher.ResponseData;
    try {
      this.#agent ??= this.#connect();
      const { agent, headers } = await this.#agent;
      response = await request(`${this.#server}${path}${queryText(query)}`, {
        method: verb,
        headers: {
          accept: 'application/json',
          'user-agent': 'anneal',
          ...(body === undefined ? {} : { 'content-type': contentType }),
          ...headers,
        },
        body: body === undefined ? null : JSON.stringify(body),
        dispatcher: agent,
        headersTimeout: this.#timeoutMs,
        bodyTimeout,
        signal,
      });
    } catch (error) {
      outer.throwIfAborted();
      throw unanswered(this.#server, error);
    }
    if (response.statusCode < 300) return response;
    const text = await response.body.text().catch(() => '');
    throw refused(`${verb} ${path}`, response.statusCode, text);
  }

  async #connect() {
    const options: RequestOptions = {};
    await this.config.applyToHTTPSOptions(options);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      if (value !== undefined) headers[name] = String(value);
    }
    const { ca, cert, key, passphrase, servername, rejectUnauthorized } = options;
    const tls = { ca, cert, key, passphrase, servername, rejectUnauthorized };
    const given = Object.entries(tls).filter(([, value]) => value !== undefined);
    return { agent: new Agent({ connect: Object.fromEntries(given) }), headers };
  }
}

function queryText(query: KubeAsked['query']): string {
  const entries = Object.entries(query ?? {}).flatMap(([key, value]): [string, string][] =>
    value === undefined ? [] : [[key, String(value)]],
  );
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`;
}
