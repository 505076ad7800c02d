// Uploads a result as one commit to a hub repository; creates a missing repository or branch. The
// commit names its parent, so another push in between is detected and never overwritten; after a
// failure it is checked first whether the files are there already.
import { openAsBlob } from 'node:fs';
import { AnnealError, UserError } from '../../crds/failures/errors.ts';
import type { Network } from '../remote/http.ts';
import { type HubEntry, listEntries, resolveCommit } from '../remote/hub.ts';
import { retry } from '../remote/retry.ts';
import type { HubDestination } from '../remote/upload-targets.ts';
import { verify } from '../remote/verify.ts';
import { hubFetch } from './hub-fetch.ts';
import type { ResultFile } from './result-files.ts';
import type { UploadProgress } from './upload-progress.ts';

interface Push {
  readonly files: readonly ResultFile[];
  /** First line of the commit message. */
  readonly title: string;
  readonly network: Network;
  readonly progress: UploadProgress;
}

/** Returns the commit that contains the files. */
export async function uploadToHub(
  hub: HubDestination,
  push: Push,
  signal: AbortSignal,
): Promise<string> {
  return retry(() => commitOnce(hub, push, signal), push.network, signal);
}

async function commitOnce(hub: HubDestination, push: Push, signal: AbortSignal): Promise<string> {
  const { files, title, network } = push;
  const head = await headOf(hub, push, signal);
  const entries = await listEntries(hub, head, network, signal);
  if (await holdsAll(entries, files, signal)) return head;
  const { uploadFiles } = await import('@huggingface/hub');
  const output = await worded(hub, signal, async () =>
    uploadFiles({
      ...repositoryOf(hub),
      branch: hub.revision,
      parentCommit: head,
      commitTitle: title,
      files: await Promise.all(
        files.map(async ({ path, absolute }) => ({ path, content: await openAsBlob(absolute) })),
      ),
      fetch: hubFetch(hub, push, signal),
      abortSignal: signal,
      // The Xet protocol needs WebAssembly; every hub accepts plain uploads too.
      useXet: false,
    }),
  );
  return output?.commit.oid ?? resolveCommit(hub, network, signal);
}

function repositoryOf({ repository, endpoint }: HubDestination) {
  return { repo: { type: 'model', name: repository }, hubUrl: endpoint } as const;
}

/** The commit of the branch; creates the repository and branch where they are missing. */
async function headOf(hub: HubDestination, push: Push, signal: AbortSignal): Promise<string> {
  const missing = await missingPart(hub, push, signal);
  if (missing !== undefined) {
    const { createBranch, createRepo } = await import('@huggingface/hub');
    // Another process may have created it in between.
    const call = { ...repositoryOf(hub), fetch: hubFetch(hub, push, signal, [409]) };
    if (missing === 'Repository') {
      // Our fetch sets the token that is sent; the package accepts only one form of token.
      const made = { ...call, visibility: hub.visibility, accessToken: 'hf_' };
      await worded(hub, signal, () => createRepo(made).catch(unlessThere));
    }
    const still = await missingPart(hub, push, signal);
    if (still === 'Repository') throw invisible(hub);
    if (still === 'Branch') {
      const made = { ...call, branch: hub.revision };
      await worded(hub, signal, () => createBranch(made).catch(unlessThere));
    }
  }
  return resolveCommit(hub, push.network, signal);
}

async function missingPart(
  hub: HubDestination,
  push: Push,
  signal: AbortSignal,
): Promise<'Repository' | 'Branch' | undefined> {
  const { endpoint, repository, revision } = hub;
  const url = `${endpoint}/api/models/${repository}/revision/${encodeURIComponent(revision)}`;
  const response = await hubFetch(hub, push, signal, [404])(url);
  await response.body?.cancel();
  if (response.ok) return undefined;
  return response.headers.get('x-error-code') === 'RevisionNotFound' ? 'Branch' : 'Repository';
}

/** The repository exists, or it could have been created. */
function invisible({ repository, endpoint, tokenName, field }: HubDestination): UserError {
  const message = `${repository} does not exist on ${new URL(endpoint).host}, or ${tokenName} may not see it`;
  return new UserError({ code: 'E_PUBLISH_FAILED', message, path: field, value: repository });
}

function unlessThere(error: unknown): void {
  if (!(error instanceof Error && 'statusCode' in error && error.statusCode === 409)) throw error;
}

/** The hub states git's hash for small files, SHA-256 for large ones. */
async function holdsAll(
  entries: readonly HubEntry[],
  files: readonly ResultFile[],
  signal: AbortSignal,
): Promise<boolean> {
  const known = new Map(entries.map((entry) => [entry.path, entry]));
  for (const { path, absolute, bytes, sha256 } of files) {
    const entry = known.get(path);
    if (entry === undefined || (entry.lfs?.size ?? entry.size) !== bytes) return false;
    if (entry.lfs !== undefined) {
      if (entry.lfs.oid !== sha256) return false;
      continue;
    }
    const stated = { type: 'gitBlob', hex: entry.oid } as const;
    if (!(await verify(absolute, bytes, stated, signal)).matches) return false;
  }
  return true;
}

/** Replaces the package's own errors, which have addresses and request ids; passes on our own. */
async function worded<T>(
  hub: HubDestination,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof AnnealError ? error : notUploaded(error, hub);
  }
}

function notUploaded(cause: unknown, { repository, field }: HubDestination): UserError {
  const why = cause instanceof Error ? cause.message.split('. URL:')[0] : String(cause);
  const message = `the result could not be uploaded to ${repository}: ${why?.slice(0, 300)}`;
  return new UserError({
    code: 'E_PUBLISH_FAILED',
    message,
    path: field,
    value: repository,
    cause,
  });
}
