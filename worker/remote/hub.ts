// Lists a repository of a Hugging Face hub. The branch is resolved to a commit once and everything
// else names the commit, so a push during a download changes nothing. Listing uses @huggingface/hub
// with our fetch (token, retries, abort); ranges are plain requests, which that package lacks.
import { z } from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import { RefusedBytes } from '../../crds/text/json.ts';
import { get, type Network, readBody, readJsonBody } from './http.ts';
import { type HubTarget, hubError } from './hub-error.ts';
import { rangeOf } from './range.ts';
import { retry } from './retry.ts';
import {
  type FileDigest,
  isSafePath,
  type SourceFile,
  type SourceListing,
} from './source-files.ts';

export interface HubRepository extends HubTarget {
  readonly token?: string | undefined;
}

const maxFiles = 100_000;
const commitId = z.string().regex(/^[0-9a-f]{40}$/);
const revisionAnswer = z.object({ sha: commitId });
export const hubEntry = z.object({
  path: z.string(),
  size: z.int().nonnegative(),
  oid: commitId,
  lfs: z
    .object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().nonnegative() })
    .optional(),
});
export type HubEntry = z.output<typeof hubEntry>;

/** The commit that a branch, tag or commit names now. */
export async function resolveCommit(
  repository: HubRepository,
  network: Network,
  signal: AbortSignal,
): Promise<string> {
  const { endpoint, type, repository: name, revision } = repository;
  const url = `${endpoint}/api/${type}s/${name}/revision/${encodeURIComponent(revision)}`;
  const response = await hubFetch(repository, network, signal)(url);
  return understand(revisionAnswer, await response.json(), repository).sha;
}

/** The files of a commit; they never change, so they may be cached. */
export async function listEntries(
  repository: HubRepository,
  commit: string,
  network: Network,
  signal: AbortSignal,
): Promise<readonly HubEntry[]> {
  // Takes a tenth of a second to load, which a cached model saves.
  const { listFiles } = await import('@huggingface/hub');
  const entries: HubEntry[] = [];
  const answers = listFiles({
    repo: { type: repository.type, name: repository.repository },
    recursive: true,
    revision: commit,
    hubUrl: repository.endpoint,
    fetch: hubFetch(repository, network, signal),
  });
  for await (const answer of answers) {
    if (answer.type !== 'file') continue;
    const entry = understand(hubEntry, answer, repository);
    if (!isSafePath(entry.path)) throw odd(repository, `a file named ${entry.path}`);
    if (entries.length === maxFiles) throw odd(repository, `more than ${maxFiles} files`);
    entries.push(entry);
  }
  return entries;
}

export function listHub(
  repository: HubRepository,
  commit: string,
  entries: readonly HubEntry[],
  network: Network,
): SourceListing {
  return {
    origin: `${repository.repository} at ${commit.slice(0, 8)}`,
    version: commit,
    files: entries.map((entry) => hubFile(entry, { ...repository, revision: commit }, network)),
  };
}

function hubFile(entry: HubEntry, repository: HubRepository, network: Network): SourceFile {
  const { path, lfs } = entry;
  const digest: FileDigest = lfs
    ? { type: 'sha256', hex: lfs.oid }
    : { type: 'gitBlob', hex: entry.oid };
  const bytes = lfs?.size ?? entry.size;
  const prefix = repository.type === 'model' ? '' : `${repository.type}s/`;
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  const url = `${repository.endpoint}/${prefix}${repository.repository}/resolve/${repository.revision}/${encoded}`;
  return {
    path,
    bytes,
    version: digest.hex,
    digest: async () => digest,
    async read(begin, end, signal) {
      const headers = { ...authorisation(repository), range: `bytes=${begin}-${end - 1}` };
      const response = await get(url, headers, network, signal);
      if (!response.ok) throw hubError(response, repository, path, network.clock);
      const what = `${path} of ${repository.repository}`;
      const body = readBody(response.body, what, network, signal);
      return rangeOf(response, body, { begin, end, bytes, what });
    },
  };
}

/** fetch for one repository: with its token, retries, and refusals as sentences. */
function hubFetch(repository: HubRepository, network: Network, signal: AbortSignal) {
  const origin = new URL(repository.endpoint).origin;
  return async (input: string | URL | Request): Promise<Response> => {
    const url = input instanceof Request ? input.url : String(input);
    // The answer names the address of its next page; the token must go nowhere else.
    if (new URL(url).origin !== origin) throw odd(repository, `its listing continues at ${url}`);
    return retry(
      async () => {
        const response = await get(url, authorisation(repository), network, signal);
        if (!response.ok) throw hubError(response, repository, undefined, network.clock);
        // Read inside the retry, so that a broken body is retried too.
        const body = await readAnswer(readBody(response.body, url, network, signal), repository);
        return new Response(body, { headers: response.headers });
      },
      network,
      signal,
    );
  };
}

async function readAnswer(
  chunks: AsyncIterable<Uint8Array>,
  repository: HubRepository,
): Promise<Buffer<ArrayBuffer>> {
  try {
    return await readJsonBody(chunks);
  } catch (error) {
    if (!(error instanceof RefusedBytes)) throw error;
    throw odd(repository, `an answer that ${error.message}`);
  }
}

function authorisation(repository: HubRepository): Record<string, string> {
  return repository.token === undefined ? {} : { authorization: `Bearer ${repository.token}` };
}

function understand<S extends z.ZodType>(
  schema: S,
  answer: unknown,
  repository: HubRepository,
): z.output<S> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw odd(repository, `${issue?.path.join('.')}: ${issue?.message}`);
}

function odd(repository: HubRepository, reason: string): UserError {
  return new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message: `${repository.endpoint} gives an unexpected answer for ${repository.repository}: ${reason}`,
    hint: 'check that the endpoint is a Hugging Face hub',
    path: repository.field,
  });
}
