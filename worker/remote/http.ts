// GET requests over fetch, with a limit on silence (before the headers and inside the body), one
// kind of error for everything that a retry may cure, and a sentence for the rest.

import type { Clock } from '../../crds/clock.ts';
import { TransientError, UserError } from '../../crds/failures/errors.ts';
import { jsonLimits, requireBounded, requireLength } from '../../crds/text/json.ts';
import type { Gate } from './gate.ts';
import type { RetryTools } from './retry.ts';

/** What remote reads need. One gate for all requests bounds the connections of the process. */
export interface Network extends RetryTools {
  readonly fetch: typeof fetch;
  /** A request without a byte for so long is aborted and retried. */
  readonly stallMs: number;
  readonly connections: Gate;
}

export async function get(
  url: string,
  headers: Readonly<Record<string, string>>,
  network: Network,
  signal: AbortSignal,
): Promise<Response> {
  // Identity, since ranges and sizes are those of the uncompressed body.
  const all = { 'accept-encoding': 'identity', ...headers };
  try {
    return await withinSilence(hostOf(url), network, signal, (both) =>
      network.fetch(url, { headers: all, signal: both }),
    );
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof TransientError ? error : connectionError(hostOf(url), error);
  }
}

/** Aborts a request whose answer does not begin within `stallMs` of the last `feed`. */
export async function withinSilence<T>(
  where: string,
  network: Network,
  signal: AbortSignal,
  send: (both: AbortSignal, feed: () => void) => Promise<T>,
): Promise<T> {
  using dog = watchdog(network.stallMs, network.clock);
  dog.feed();
  try {
    return await send(AbortSignal.any([signal, dog.signal]), dog.feed);
  } catch (error) {
    throw dog.signal.aborted ? silence(where, network.stallMs) : error;
  }
}

/** The body's chunks; throws when no byte comes for `stallMs` or the connection breaks. */
export async function* readBody(
  body: ReadableStream<Uint8Array> | null,
  where: string,
  network: Network,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (!body) return;
  const reader = body.getReader();
  using dog = watchdog(network.stallMs, network.clock);
  // Cancelling ends the pending read, which then sees the signal.
  dog.signal.addEventListener('abort', () => void reader.cancel().catch(() => undefined));
  try {
    for (;;) {
      dog.feed();
      const { done, value } = await reader.read();
      if (dog.signal.aborted) throw silence(where, network.stallMs);
      if (done) return;
      dog.rest();
      yield value;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof TransientError ? error : connectionError(where, error);
  } finally {
    // An abandoned reader must release its connection; failing to do so is not an error.
    await reader.cancel().catch(() => undefined);
  }
}

/** Reads the JSON of a hub's answer up to a limit; throws RefusedBytes beyond it. */
export async function readJsonBody(
  chunks: AsyncIterable<Uint8Array>,
): Promise<Buffer<ArrayBuffer>> {
  const limit = jsonLimits.hubAnswer;
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    requireLength(bytes, limit.bytes);
    parts.push(chunk);
  }
  const body = Buffer.concat(parts);
  requireBounded(body, limit);
  return body;
}

/**
 * `Retry-After` in milliseconds: seconds or a date; else the reset time of the `RateLimit` draft.
 */
export function retryAfterMs(headers: Headers, clock: Clock): number | undefined {
  const text = headers.get('retry-after');
  if (text !== null) {
    const seconds = Number(text);
    if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
    const date = Date.parse(text);
    if (Number.isFinite(date)) return Math.max(0, date - clock.now());
  }
  const limited = /\br=0\b.*\bt=(\d+)/.exec(headers.get('ratelimit') ?? '');
  return limited ? Number(limited[1]) * 1000 : undefined;
}

export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

const certificateProblem = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/;

export function connectionError(where: string, error: unknown): TransientError | UserError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reason = code || (cause instanceof Error ? cause.message : String(cause));
  const message = `${where} does not answer (${reason})`;
  if (!certificateProblem.test(code)) {
    return new TransientError({ code: 'E_HUB_UNAVAILABLE', message, cause: error });
  }
  return new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message: `${where} shows a certificate that is not trusted (${code})`,
    hint: 'name the certificate of your organisation in NODE_EXTRA_CA_CERTS',
    cause: error,
  });
}

function silence(where: string, ms: number): TransientError {
  return new TransientError({
    code: 'E_HUB_UNAVAILABLE',
    message: `${where} sent nothing for ${Math.round(ms / 1000)} s`,
  });
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? url;
}

interface Watchdog extends Disposable {
  readonly signal: AbortSignal;
  feed(): void;
  rest(): void;
}

/** Aborts its signal `ms` after the last feed; time does not count while it is paused. */
function watchdog(ms: number, clock: Clock): Watchdog {
  const barked = new AbortController();
  const ended = new AbortController();
  let fedAt = Number.POSITIVE_INFINITY;
  const watch = async () => {
    while (!ended.signal.aborted) {
      const leftMs = fedAt + ms - clock.monotonic();
      if (leftMs <= 0) return barked.abort();
      await clock.sleep(Math.min(leftMs, ms), ended.signal);
    }
  };
  // sleep rejects only at the end of the watch.
  watch().catch(() => undefined);
  return {
    signal: barked.signal,
    feed: () => {
      fedAt = clock.monotonic();
    },
    rest: () => {
      fedAt = Number.POSITIVE_INFINITY;
    },
    [Symbol.dispose]: () => ended.abort(),
  };
}
