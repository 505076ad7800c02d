// What a hub keeps and how it answers: repositories with commits, files by both of their digests,
// refusals with the words of the real one.
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';

export interface HubSeed {
  readonly name: string;
  readonly type?: 'model' | 'dataset';
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Branches and tags; all name the one commit. */
  readonly revisions?: readonly string[];
  /** `gated`: only tokens in `granted`; `private`: invisible to all others. */
  readonly access?: 'public' | 'gated' | 'private';
  readonly granted?: readonly string[];
}

export interface Repository extends Omit<HubSeed, 'files' | 'revisions'> {
  /** Commit by branch and tag. */
  readonly refs: Map<string, string>;
  readonly commits: Map<string, ReadonlyMap<string, HubBlob>>;
}

export interface HubBlob {
  readonly bytes: Uint8Array;
  readonly oid: string;
  readonly sha256: string;
  /** Kept on the other origin, as all large files are. */
  readonly large: boolean;
}

export const largeEnding = /\.(safetensors|gguf|parquet|sequence|model)$/;

/** A commit of these files, at which the branches then stand. */
export function commitTo(
  { refs, commits }: Repository,
  branches: readonly string[],
  blobs: ReadonlyMap<string, HubBlob>,
): string {
  const listing = [...blobs].map(([path, { sha256 }]) => `${path} ${sha256}`).join('\n');
  const commit = createHash('sha1').update(listing).digest('hex');
  commits.set(commit, blobs);
  for (const branch of branches) refs.set(branch, commit);
  return commit;
}

export type Refusal = keyof typeof refusals;

const refusals = {
  RepoNotFound: [404, 'RepoNotFound', 'Repository not found'],
  AnonymousNotFound: [401, 'RepoNotFound', 'Invalid username or password.'],
  RevisionNotFound: [404, 'RevisionNotFound', 'Invalid rev id'],
  EntryNotFound: [404, 'EntryNotFound', 'Entry not found'],
  Gated: [403, 'GatedRepo', 'Access to this model is restricted.'],
  AnonymousGated: [401, 'GatedRepo', 'Access to this model is restricted.'],
  InvalidToken: [401, undefined, 'Invalid credentials in Authorization header'],
  Unauthorized: [401, undefined, 'Invalid username or password.'],
  NotYours: [403, undefined, "You don't have the rights to write to this namespace"],
  Exists: [409, undefined, 'You already created this repo'],
  BranchExists: [409, undefined, 'Reference already exists'],
  Moved: [412, undefined, 'A commit has happened since. Please refresh and try again.'],
  Invalid: [400, undefined, 'The request is not valid'],
  NotUploaded: [400, undefined, 'LFS pointer pointed to a file that does not exist'],
  OtherBytes: [400, undefined, 'The content does not have this SHA-256'],
  LengthRequired: [411, undefined, 'You must provide the Content-Length header'],
} as const satisfies Record<string, readonly [number, string | undefined, string]>;

export function refuse(
  response: ServerResponse,
  why: Refusal,
  extra: Record<string, string> = {},
): void {
  const [status, code, message] = refusals[why];
  const headers = { 'x-error-message': message, ...(code ? { 'x-error-code': code } : {}) };
  response.writeHead(status, { 'content-type': 'application/json', ...headers, ...extra });
  response.end(JSON.stringify({ error: message }));
}

export function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(value));
}

export function toBlob(path: string, content: string | Uint8Array): HubBlob {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { bytes, oid, sha256, large: largeEnding.test(path) };
}

export function signature({ sha256 }: { readonly sha256: string }): string {
  return createHash('sha256').update(`signed ${sha256}`).digest('hex').slice(0, 16);
}
