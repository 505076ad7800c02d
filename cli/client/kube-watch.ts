// A list kept up to date: all objects, then each change, again after every reconnect. A watch that
// ends resumes from its resource version; if that is too old, it starts with a new list.
import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import { AnnealError } from '../../crds/index.ts';
import type { Kube } from './kube.ts';
import { KubeError } from './kube-error.ts';

type Watched =
  | { readonly type: 'All'; readonly objects: readonly object[] }
  | { readonly type: 'Put' | 'Gone'; readonly object: object }
  | { readonly type: 'Away'; readonly why: string };

const list = z.object({
  metadata: z.object({ resourceVersion: z.string().default(''), continue: z.string().optional() }),
  items: z.array(z.looseObject({})).nullish(),
});
const event = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.looseObject({
    code: z.number().optional(),
    message: z.string().optional(),
    metadata: z.looseObject({ resourceVersion: z.string().default('') }).optional(),
  }),
});

const pageSize = 500;
const watchSeconds = 300;
/**
 * The server sends a bookmark every minute; after more than two without a byte the connection is
 * dead.
 */
const quietMs = 150_000;
const firstPauseMs = 500;
const longestPauseMs = 10_000;

interface Selection {
  readonly path: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

interface Listed {
  readonly objects: readonly object[];
  readonly version: string;
}

export async function listAll(
  kube: Kube,
  { path, ...selectors }: Selection,
  signal: AbortSignal,
): Promise<Listed> {
  const objects: object[] = [];
  let from: string | undefined;
  for (;;) {
    const query = { ...selectors, limit: pageSize, continue: from };
    const page = list.parse(await kube.send({ verb: 'GET', path, query }, signal));
    objects.push(...(page.items ?? []));
    from = page.metadata.continue || undefined;
    if (from === undefined) return { objects, version: page.metadata.resourceVersion };
  }
}

/** Runs until aborted. Errors that the user must see end it: forbidden, not found. */
export async function* watchAll(
  kube: Kube,
  selection: Selection,
  signal: AbortSignal,
): AsyncGenerator<Watched> {
  let version: string | undefined;
  let pauseMs = firstPauseMs;
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        const listed = await listAll(kube, selection, signal);
        version = listed.version;
        yield { type: 'All', objects: listed.objects };
      }
      for await (const one of watchOnce(kube, selection, version, signal)) {
        version = one.version === '' ? version : one.version;
        pauseMs = firstPauseMs;
        if (one.watched !== undefined) yield one.watched;
      }
      await pause(firstPauseMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof AnnealError) || isFinal(error)) throw error;
      if (error instanceof KubeError && error.status === 410) version = undefined;
      else yield { type: 'Away', why: error.message };
      await pause(pauseMs, signal);
      pauseMs = Math.min(longestPauseMs, 2 * pauseMs);
      // The new list contains the missed changes.
      version = undefined;
    }
  }
}

function isFinal(error: AnnealError): boolean {
  return error.code === 'E_NOT_PERMITTED' || error.code === 'E_NOT_FOUND';
}

interface Step {
  readonly version: string;
  readonly watched: Watched | undefined;
}

async function* watchOnce(
  kube: Kube,
  { path, ...selectors }: Selection,
  resourceVersion: string,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  const watching = { watch: true, allowWatchBookmarks: true, timeoutSeconds: watchSeconds };
  const query = { ...selectors, ...watching, resourceVersion };
  for await (const line of kube.lines({ verb: 'GET', path, query }, quietMs, signal)) {
    const { type, object } = event.parse(JSON.parse(line));
    if (type === 'ERROR') {
      const { code: status = 500, message = 'the watch ended' } = object;
      throw new KubeError({ code: 'E_UNREACHABLE', status, reason: 'Expired', message });
    }
    const version = object.metadata?.resourceVersion ?? '';
    if (type === 'BOOKMARK') yield { version, watched: undefined };
    else yield { version, watched: { type: type === 'DELETED' ? 'Gone' : 'Put', object } };
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined); // aborted: the caller checks
}
