// A hub as its clients see it: repositories with commits, listings in pages, resolve with a
// redirect to a second origin for large files, ranges, the headers and error codes of the real one,
// and faults on demand; what is written goes through hub-writes.ts. Binds 127.0.0.1, unless pods of
// a test cluster are to reach it. The protocol was read in huggingface_hub 2.4 and @huggingface/hub
// 2.17; both packages work against it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Faults } from './faults.ts';
import { type Listening, listen, loopback, type Place, sendBytes } from './http-server.ts';
import {
  commitTo,
  type HubBlob,
  type HubSeed,
  type Refusal,
  type Repository,
  refuse,
  sendJson,
  signature,
  toBlob,
} from './hub-repository.ts';
import { HubWrites } from './hub-writes.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  /** Of the body, handed to the socket so far. */
  bytes: number;
}

export class HubServer implements AsyncDisposable {
  readonly faults = new Faults();
  readonly requests: SeenRequest[] = [];
  /** Tokens that the hub knows at all. */
  readonly tokens = new Set<string>();
  /** Owners whose repositories a token may write; one that is not here may only read. */
  readonly writers = new Map<string, readonly string[]>();
  pageSize = 1000;
  #hub!: Listening;
  #cdn!: Listening;
  readonly #repositories = new Map<string, Repository>();
  readonly writes = new HubWrites(this);

  static async start(place: Place = loopback): Promise<HubServer> {
    const server = new HubServer();
    server.#hub = await listen((request, response) => server.#answerHub(request, response), place);
    server.#cdn = await listen((request, response) => server.#answerCdn(request, response), place);
    return server;
  }

  get endpoint(): string {
    return this.#hub.origin;
  }

  get storage(): string {
    return this.#cdn.origin;
  }

  /** Returns the commit that the repository now stands at. Adding it again is a push. */
  add(seed: HubSeed): string {
    const { files, revisions = [], ...facts } = seed;
    const blobs = new Map(
      Object.entries(files).map(([path, content]) => [path, toBlob(path, content)] as const),
    );
    const key = `${seed.type ?? 'model'} ${seed.name}`;
    const repository: Repository = this.#repositories.get(key) ?? {
      ...facts,
      refs: new Map(),
      commits: new Map(),
    };
    this.#repositories.set(key, { ...repository, ...facts });
    return commitTo(repository, ['main', ...revisions], blobs);
  }

  find(type: string, name: string): Repository | undefined {
    return this.#repositories.get(`${type} ${name}`);
  }

  /** What lies in a repository at a branch, tag or commit. */
  files(name: string, revision = 'main'): Readonly<Record<string, Buffer>> {
    const repository = this.find('model', name);
    const commit = repository?.refs.get(revision) ?? revision;
    const blobs = repository?.commits.get(commit) ?? new Map<string, HubBlob>();
    return Object.fromEntries([...blobs].map(([path, { bytes }]) => [path, Buffer.from(bytes)]));
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
    if (request.method === 'POST') return this.writes.answer(path, request, response);
    // Without a revision, what is asked for is the main one.
    const info = /^\/api\/(model|dataset)s\/([^/]+\/[^/]+|[^/]+)$/.test(path);
    const apiPath = info ? `${path}/revision/main` : path;
    const api = /^\/api\/(model|dataset)s\/(.+?)\/(revision|tree)\/([^/]+)(\/.*)?$/.exec(apiPath);
    const file = /^\/(datasets\/)?([^/]+\/[^/]+|[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    const [type = 'model', name = '', revision = ''] = api
      ? [api[1], api[2], decodeURIComponent(api[4] ?? '')]
      : [file?.[1] ? 'dataset' : 'model', file?.[2], decodeURIComponent(file?.[3] ?? '')];
    const repository = this.find(type, name);
    const token = seen.authorization?.replace('Bearer ', '');
    const refusal = this.refusal(repository, token);
    if (refusal) return refuse(response, refusal);
    if (!repository) return refuse(response, 'RepoNotFound');
    const commit = repository.refs.get(revision) ?? revision;
    const blobs = repository.commits.get(commit);
    if (!blobs) return refuse(response, 'RevisionNotFound');
    if (api?.[3] === 'revision') return this.#revision(repository, commit, response);
    if (api) return this.#tree(blobs, new URL(seen.url, this.endpoint), response);
    const entry = decodeURIComponent(file?.[4] ?? '');
    const blob = blobs.get(entry);
    if (!blob) return refuse(response, 'EntryNotFound', { 'x-repo-commit': commit });
    return this.#resolve(commit, entry, blob, seen, response);
  }

  /** As the real one does: a private repository cannot be told from one that does not exist. */
  refusal(repository: Repository | undefined, token: string | undefined): Refusal | undefined {
    if (token !== undefined && !this.tokens.has(token)) return 'InvalidToken';
    if (!repository) return token === undefined ? 'AnonymousNotFound' : 'RepoNotFound';
    const granted = repository.granted?.includes(token ?? '') === true;
    if (repository.access === 'private' && !granted) {
      return token === undefined ? 'AnonymousNotFound' : 'RepoNotFound';
    }
    if (repository.access !== 'gated' || granted) return undefined;
    return token === undefined ? 'AnonymousGated' : 'Gated';
  }

  #revision({ name, access, commits }: Repository, commit: string, response: ServerResponse) {
    const siblings = [...(commits.get(commit)?.keys() ?? [])].map((rfilename) => ({ rfilename }));
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

  #tree(blobs: ReadonlyMap<string, HubBlob>, url: URL, response: ServerResponse): void {
    const from = Number(url.searchParams.get('cursor') ?? 0);
    const all = [...blobs].map(([path, blob]) => treeEntry(path, blob));
    if (from + this.pageSize < all.length) {
      url.searchParams.set('cursor', String(from + this.pageSize));
      response.setHeader('link', `<${url.href}>; rel="next"`);
    }
    sendJson(response, all.slice(from, from + this.pageSize));
  }

  async #resolve(
    commit: string,
    path: string,
    blob: HubBlob,
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
    if (request.method !== 'GET') return this.writes.store(pathOf(seen.url), request, response);
    const url = new URL(seen.url, this.#cdn.origin);
    const [, sha256 = '', ...path] = decodeURIComponent(url.pathname).split('/');
    const blob = [...this.#repositories.values()]
      .flatMap(({ commits }) => [...commits.values()].flatMap((blobs) => [...blobs.values()]))
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

function treeEntry(path: string, { bytes, oid, sha256, large }: HubBlob) {
  const lfs = { oid: sha256, size: bytes.length, pointerSize: 134 };
  return { type: 'file', oid, size: bytes.length, path, ...(large ? { lfs } : {}) };
}

function pathOf(url: string): string {
  return url.split('?')[0] ?? '';
}
