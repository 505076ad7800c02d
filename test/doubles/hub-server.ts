// A hub as its clients see it: repositories with commits, listings in pages, resolve with a redirect to a second origin
// for large files, ranges, the headers and error codes of the real one, and faults on demand. Binds 127.0.0.1 only.
// The protocol was read in huggingface_hub 2.4 and @huggingface/hub 2.17; both packages work against it.
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Faults } from './faults.ts';
import { type Listening, listen, sendBytes } from './http-server.ts';

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

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  /** Of the body, handed to the socket so far. */
  bytes: number;
}

interface Repository extends HubSeed {
  readonly commit: string;
  readonly blobs: ReadonlyMap<string, Blob>;
}

interface Blob {
  readonly bytes: Uint8Array;
  readonly oid: string;
  readonly sha256: string;
  /** Kept on the other origin, as all large files are. */
  readonly large: boolean;
}

const largeEnding = /\.(safetensors|gguf|parquet|bin|model)$/;

export class HubServer implements AsyncDisposable {
  readonly faults = new Faults();
  readonly requests: SeenRequest[] = [];
  /** Tokens that the hub knows at all. */
  readonly tokens = new Set<string>();
  pageSize = 1000;
  #hub!: Listening;
  #cdn!: Listening;
  readonly #repositories = new Map<string, Repository>();

  static async start(): Promise<HubServer> {
    const server = new HubServer();
    server.#hub = await listen((request, response) => server.#answerHub(request, response));
    server.#cdn = await listen((request, response) => server.#answerCdn(request, response));
    return server;
  }

  get endpoint(): string {
    return this.#hub.origin;
  }

  /** Returns the commit that the repository now stands at. Adding it again is a push. */
  add(seed: HubSeed): string {
    const blobs = new Map(
      Object.entries(seed.files).map(([path, content]) => [path, toBlob(path, content)] as const),
    );
    const listing = [...blobs].map(([path, { sha256 }]) => `${path} ${sha256}`).join('\n');
    const commit = createHash('sha1').update(listing).digest('hex');
    this.#repositories.set(`${seed.type ?? 'model'} ${seed.name}`, { ...seed, commit, blobs });
    return commit;
  }

  /** Bytes of bodies that answers for `path` carried. */
  served(path: string): number {
    const about = this.requests.filter(({ url }) => pathOf(url).endsWith(`/${path}`));
    return about.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hub[Symbol.asyncDispose]();
    await this.#cdn[Symbol.asyncDispose]();
  }

  #see(request: IncomingMessage): SeenRequest {
    const { range, authorization } = request.headers;
    const seen = { method: request.method ?? '', url: request.url ?? '', range, authorization };
    this.requests.push({ ...seen, bytes: 0 });
    return this.requests.at(-1) as SeenRequest;
  }

  async #answerHub(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = this.#see(request);
    const path = pathOf(seen.url);
    if (await this.faults.interfere(path, request, response)) return;
    // Without a revision, what is asked for is the main one.
    const info = /^\/api\/(model|dataset)s\/([^/]+\/[^/]+|[^/]+)$/.test(path);
    const apiPath = info ? `${path}/revision/main` : path;
    const api = /^\/api\/(model|dataset)s\/(.+?)\/(revision|tree)\/([^/]+)(\/.*)?$/.exec(apiPath);
    const file = /^\/(datasets\/)?([^/]+\/[^/]+|[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    const [type = 'model', name = '', revision = ''] = api
      ? [api[1], api[2], decodeURIComponent(api[4] ?? '')]
      : [file?.[1] ? 'dataset' : 'model', file?.[2], decodeURIComponent(file?.[3] ?? '')];
    const repository = this.#repositories.get(`${type} ${name}`);
    const token = seen.authorization?.replace('Bearer ', '');
    const refusal = this.#refusal(repository, token);
    if (refusal) return refuse(response, refusal);
    if (!repository) return refuse(response, 'RepoNotFound');
    const known = [repository.commit, 'main', ...(repository.revisions ?? [])];
    if (!known.includes(revision)) return refuse(response, 'RevisionNotFound');
    if (api?.[3] === 'revision') return this.#revision(repository, response);
    if (api) return this.#tree(repository, new URL(seen.url, this.endpoint), response);
    const blob = repository.blobs.get(decodeURIComponent(file?.[4] ?? ''));
    if (!blob) return refuse(response, 'EntryNotFound', { 'x-repo-commit': repository.commit });
    return this.#resolve(repository, decodeURIComponent(file?.[4] ?? ''), blob, seen, response);
  }

  /** As the real one does: a private repository cannot be told from one that does not exist. */
  #refusal(repository: Repository | undefined, token: string | undefined): Refusal | undefined {
    if (token !== undefined && !this.tokens.has(token)) return 'InvalidToken';
    if (!repository) return token === undefined ? 'AnonymousNotFound' : 'RepoNotFound';
    const granted = repository.granted?.includes(token ?? '') === true;
    if (repository.access === 'private' && !granted) {
      return token === undefined ? 'AnonymousNotFound' : 'RepoNotFound';
    }
    if (repository.access !== 'gated' || granted) return undefined;
    return token === undefined ? 'AnonymousGated' : 'Gated';
  }

  #revision({ name, commit, access, blobs }: Repository, response: ServerResponse): void {
    const siblings = [...blobs.keys()].map((rfilename) => ({ rfilename }));
    sendJson(response, {
      _id: commit.slice(0, 24),
      id: name,
      sha: commit,
      private: access === 'private',
      gated: access === 'gated' ? 'manual' : false,
      lastModified: '2026-01-01T00:00:00.000Z',
      downloads: 0,
      likes: 0,
      siblings,
    });
  }

  #tree({ blobs }: Repository, url: URL, response: ServerResponse): void {
    const from = Number(url.searchParams.get('cursor') ?? 0);
    const all = [...blobs].map(([path, blob]) => treeEntry(path, blob));
    if (from + this.pageSize < all.length) {
      url.searchParams.set('cursor', String(from + this.pageSize));
      response.setHeader('link', `<${url.href}>; rel="next"`);
    }
    sendJson(response, all.slice(from, from + this.pageSize));
  }

  async #resolve(
    { commit }: Repository,
    path: string,
    blob: Blob,
    seen: SeenRequest,
    response: ServerResponse,
  ): Promise<void> {
    response.setHeader('x-repo-commit', commit);
    response.setHeader('accept-ranges', 'bytes');
    if (blob.large) {
      response.setHeader('x-linked-etag', `"${blob.sha256}"`);
      response.setHeader('x-linked-size', blob.bytes.length);
      const location = `${this.#cdn.origin}/${blob.sha256}/${path}?signature=${signature(blob)}`;
      response.writeHead(302, { location }).end();
      return;
    }
    response.setHeader('etag', `"${blob.oid}"`);
    await sendBytes(blob.bytes, seen, response, this.faults.forBody(`/${path}`));
  }

  async #answerCdn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = this.#see(request);
    if (await this.faults.interfere(pathOf(seen.url), request, response)) return;
    const url = new URL(seen.url, this.#cdn.origin);
    const [, sha256 = '', ...path] = decodeURIComponent(url.pathname).split('/');
    const blob = [...this.#repositories.values()]
      .flatMap(({ blobs }) => [...blobs.values()])
      .find((each) => each.sha256 === sha256);
    // A token that travels to the other origin is refused by the real one too.
    const sound = blob && url.searchParams.get('signature') === signature(blob);
    if (!sound || seen.authorization !== undefined) {
      response.writeHead(sound ? 400 : 403).end();
      return;
    }
    response.setHeader('etag', `"${sha256}"`);
    await sendBytes(blob.bytes, seen, response, this.faults.forBody(`/${path.join('/')}`));
  }
}

type Refusal = keyof typeof refusals;

const refusals = {
  RepoNotFound: [404, 'RepoNotFound', 'Repository not found'],
  AnonymousNotFound: [401, 'RepoNotFound', 'Invalid username or password.'],
  RevisionNotFound: [404, 'RevisionNotFound', 'Invalid rev id'],
  EntryNotFound: [404, 'EntryNotFound', 'Entry not found'],
  Gated: [403, 'GatedRepo', 'Access to this model is restricted.'],
  AnonymousGated: [401, 'GatedRepo', 'Access to this model is restricted.'],
  InvalidToken: [401, undefined, 'Invalid credentials in Authorization header'],
} as const satisfies Record<string, readonly [number, string | undefined, string]>;

function refuse(response: ServerResponse, why: Refusal, extra: Record<string, string> = {}): void {
  const [status, code, message] = refusals[why];
  const headers = { 'x-error-message': message, ...(code ? { 'x-error-code': code } : {}) };
  response.writeHead(status, { 'content-type': 'application/json', ...headers, ...extra });
  response.end(JSON.stringify({ error: message }));
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(value));
}

function treeEntry(path: string, { bytes, oid, sha256, large }: Blob) {
  const lfs = { oid: sha256, size: bytes.length, pointerSize: 134 };
  return { type: 'file', oid, size: bytes.length, path, ...(large ? { lfs } : {}) };
}

function toBlob(path: string, content: string | Uint8Array): Blob {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { bytes, oid, sha256, large: largeEnding.test(path) };
}

function signature({ sha256 }: Blob): string {
  return createHash('sha256').update(`signed ${sha256}`).digest('hex').slice(0, 16);
}

function pathOf(url: string): string {
  return url.split('?')[0] ?? '';
}
