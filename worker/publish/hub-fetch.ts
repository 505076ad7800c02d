// The fetch that @huggingface/hub uploads with. It sends the token to the hub only, never to the
// storage that the hub redirects to, counts bodies as they are sent, limits silence, and retries
// transient failures. The commit itself is not retried here, since a lost answer does not tell
// whether it was made: hub-upload.ts checks first.
import { AnnealError, TerminalError } from '../../crds/failures/errors.ts';
import { RefusedBytes } from '../../crds/text/json.ts';
import {
  connectionError,
  type Network,
  readBody,
  readJsonBody,
  withinSilence,
} from '../remote/http.ts';
import { retry } from '../remote/retry.ts';
import type { HubDestination } from '../remote/upload-targets.ts';
import { hubRefusal } from './hub-refusal.ts';
import type { UploadProgress } from './upload-progress.ts';

interface UploadTools {
  readonly network: Network;
  readonly progress: UploadProgress;
}

/** Returns answers with a status in `accepts`; throws other refusals as sentences. */
export function hubFetch(
  hub: HubDestination,
  { network, progress }: UploadTools,
  signal: AbortSignal,
  accepts: readonly number[] = [],
): typeof fetch {
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const both = init.signal ? AbortSignal.any([signal, init.signal]) : signal;
    const attempt = () =>
      network.connections(async () => {
        const response = await send(url, init, both);
        if (response.ok || accepts.includes(response.status)) return readWhole(response, url, both);
        await response.body?.cancel();
        throw hubRefusal(response, hub, network.clock);
      });
    return /\/commit\/[^/]+$/.test(url.pathname) ? attempt() : retry(attempt, network, both);
  };

  /** The package parses answers; this bounds their size. */
  async function readWhole(response: Response, url: URL, both: AbortSignal): Promise<Response> {
    const { status, statusText, headers } = response;
    try {
      const body = await readJsonBody(readBody(response.body, url.host, network, both));
      return new Response(body.length > 0 ? body : null, { status, statusText, headers });
    } catch (error) {
      throw error instanceof RefusedBytes ? oddAnswer(url.host, error) : error;
    }
  }

  async function send(url: URL, init: RequestInit, both: AbortSignal): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.delete('authorization');
    const isHub = url.origin === new URL(hub.endpoint).origin;
    if (isHub) headers.set('authorization', `Bearer ${hub.token}`);
    try {
      return await withinSilence(url.host, network, both, (own, feed) =>
        network.fetch(url, {
          ...init,
          ...bodyOf(init.body, headers, (sent) => {
            feed();
            if (init.method === 'PUT') progress(url.pathname, sent);
          }),
          headers,
          signal: own,
        }),
      );
    } catch (error) {
      both.throwIfAborted();
      throw error instanceof AnnealError ? error : connectionError(url.host, error);
    }
  }
}

function oddAnswer(host: string, cause: RefusedBytes): TerminalError {
  const message = `${host} sent an answer that ${cause.message}`;
  return new TerminalError({ code: 'E_PUBLISH_FAILED', message, cause });
}

/** Sends every body as a stream of known length: storages refuse others. */
function bodyOf(
  body: RequestInit['body'],
  headers: Headers,
  onSent: (sent: number) => void,
): RequestInit {
  if (typeof body !== 'string' && !(body instanceof Blob)) return {};
  const blob = new Blob([body]);
  headers.set('content-length', String(blob.size));
  let sent = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      sent += chunk.length;
      onSent(sent);
      controller.enqueue(chunk);
    },
  });
  return { body: blob.stream().pipeThrough(counter), duplex: 'half' };
}
