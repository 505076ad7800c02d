// KubeObjects behind HTTP, with the list and watch protocol as the API server speaks it: pages with
// `continue`, streams of JSON lines, bookmarks, 410. A test orders faults: answers with a status,
// cut streams, answers that get lost after taking effect.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Listening, listen } from '../http-server.ts';
import { type At, KubeObjects, type LogEntry, metaOf, RefusalError } from './objects.ts';
import type { PatchStep, Tree } from './patches.ts';

export interface Asked {
  readonly verb: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Tree | undefined;
}

export type Answer =
  | { readonly status: number; readonly body: Tree; readonly retryAfter?: number }
  | { readonly type: 'Lost' };

export class KubeServer implements AsyncDisposable {
  readonly objects: KubeObjects;
  /** Every request, in order. */
  readonly seen: Asked[] = [];
  /** May answer in the server's place; called before anything takes effect. */
  intercept: (asked: Asked) => Answer | undefined = () => undefined;
  /** Told when the answer to this request should be lost although it took effect. */
  loses: (asked: Asked) => boolean = () => false;
  readonly #http: Listening;
  readonly #streams = new Set<ServerResponse>();
  readonly #opened: (() => void)[] = [];

  private constructor(http: Listening, objects: KubeObjects) {
    this.#http = http;
    this.objects = objects;
  }

  static async start(objects = new KubeObjects()): Promise<KubeServer> {
    const http = await listen((request, response) => server.#serve(request, response));
    const server: KubeServer = new KubeServer(http, objects);
    return server;
  }

  get origin(): string {
    return this.#http.origin;
  }

  get watching(): number {
    return this.#streams.size;
  }

  /** Resolves at the next watch that begins. */
  nextWatch(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#opened.push(resolve);
    return promise;
  }

  /** As a load balancer does: the connection is gone, nothing is said. */
  cutWatches(): void {
    for (const stream of this.#streams) stream.destroy();
    this.#streams.clear();
  }

  /** As a time-out of the server does. */
  endWatches(): void {
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
  }

  bookmark(collection = ''): void {
    const metadata = { resourceVersion: String(this.objects.version) };
    for (const stream of this.#streams) {
      stream.write(
        `${JSON.stringify({ type: 'BOOKMARK', object: { kind: collection, metadata } })}\n`,
      );
    }
  }

  /** Sends a line as it is to every watch. */
  write(line: string): void {
    for (const stream of this.#streams) stream.write(line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://server');
    const raw = await text(request);
    const asked: Asked = {
      verb: request.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      contentType: request.headers['content-type'] ?? '',
      headers: request.headers,
      // Clients in Go send protobuf where a kind has it; nothing of what is kept here has.
      body: raw === '' || isProtobuf(request) ? undefined : (JSON.parse(raw) as Tree),
    };
    this.seen.push(asked);
    const answer = this.intercept(asked) ?? this.#answer(asked, response);
    if (answer === undefined) return;
    if ('type' in answer || this.loses(asked)) {
      response.destroy();
      return;
    }
    if (answer.retryAfter !== undefined) response.setHeader('retry-after', answer.retryAfter);
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer.body));
  }

  #answer(asked: Asked, response: ServerResponse): Answer | undefined {
    try {
      if (asked.query.get('watch') === 'true') return this.#watch(asked, response);
      const isDry = asked.query.get('dryRun') === 'All';
      const objects = isDry ? onlyWith(this.objects, asked) : this.objects;
      return { status: 200, body: perform(objects, asked) };
    } catch (error) {
      if (error instanceof RefusalError)
        return { status: error.refusal.status, body: statusOf(error) };
      throw error;
    }
  }

  #watch(asked: Asked, response: ServerResponse): Answer | undefined {
    const { collection, namespace } = placeOf(asked.path);
    const send = (entry: LogEntry) => {
      const mine =
        entry.collection === collection &&
        (namespace === '' || metaOf(entry.object)['namespace'] === namespace) &&
        isSelected(entry.object, asked.query.get('labelSelector'));
      if (mine) response.write(`${JSON.stringify({ type: entry.type, object: entry.object })}\n`);
    };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const from = Number(asked.query.get('resourceVersion') ?? 0);
    const subscription = this.objects.watch(from, send);
    if (subscription === null) {
      const gone = new RefusalError(410, 'Expired', 'too old resource version');
      response.end(`${JSON.stringify({ type: 'ERROR', object: statusOf(gone) })}\n`);
      return undefined;
    }
    this.#streams.add(response);
    response.once('close', () => {
      subscription[Symbol.dispose]();
      this.#streams.delete(response);
    });
    this.#opened.shift()?.();
    return undefined;
  }
}

/** Where a dry run may change the one object that it is about; nobody hears of it. */
function onlyWith(objects: KubeObjects, { path }: Asked): KubeObjects {
  const { collection, namespace, name } = placeOf(path);
  const at = { collection, namespace, name };
  const found = name === '' ? undefined : objects.find(at);
  const own = new KubeObjects();
  if (found !== undefined) own.create(at, found);
  return own;
}

function isProtobuf({ headers }: IncomingMessage): boolean {
  return headers['content-type'] === 'application/vnd.kubernetes.protobuf';
}

/** Everything but watches, also without HTTP. */
export function perform(objects: KubeObjects, asked: Omit<Asked, 'headers'>): Tree {
  const { collection, namespace, name, subresource } = placeOf(asked.path);
  const at: At = { collection, namespace, name };
  const body = asked.body ?? {};
  switch (asked.verb) {
    case 'GET':
      return name === '' ? list(objects, at, asked.query) : objects.get(at);
    case 'POST':
      return asked.query.has('dryRun') ? body : objects.create(at, body);
    case 'PUT':
      return objects.put(at, body);
    case 'DELETE':
      return objects.delete(at, (body['preconditions'] as Tree | undefined)?.['uid']);
    case 'PATCH':
      if (asked.contentType.includes('apply-patch')) {
        return objects.apply(at, asked.query.get('fieldManager') ?? '', body, subresource);
      }
      if (asked.contentType.includes('json-patch')) {
        return objects.jsonPatch(at, body as unknown as PatchStep[]);
      }
      return objects.mergePatch(at, body);
    default:
      throw new RefusalError(405, 'MethodNotAllowed', asked.verb);
  }
}

function list(objects: KubeObjects, { collection, namespace }: At, query: URLSearchParams): Tree {
  const selected = objects
    .all(collection)
    .filter((object) => namespace === '' || metaOf(object)['namespace'] === namespace)
    .filter((object) => isSelected(object, query.get('labelSelector')));
  const limit = Number(query.get('limit') ?? 0) || selected.length;
  const from = Number(query.get('continue') ?? 0);
  const more = from + limit < selected.length;
  return {
    ...{ kind: 'List', apiVersion: 'v1' },
    metadata: {
      resourceVersion: String(objects.version),
      ...(more ? { continue: String(from + limit) } : {}),
    },
    items: selected.slice(from, from + limit),
  };
}

interface PathParts extends At {
  readonly subresource: string | undefined;
}

/** `/apis/batch/v1/namespaces/a/jobs/b/status` and shorter ones. */
function placeOf(path: string): PathParts {
  const parts = path.split('/').slice(1);
  const head = parts.splice(0, parts[0] === 'api' ? 2 : 3);
  const namespace = parts[0] === 'namespaces' ? (parts.splice(0, 2)[1] ?? '') : '';
  const [plural = '', name = '', subresource] = parts;
  return { collection: [...head, plural].join('/'), namespace, name, subresource };
}

/** Equality and existence, joined by commas. */
function isSelected(object: Tree, selector: string | null): boolean {
  const labels = (metaOf(object)['labels'] ?? {}) as Record<string, string>;
  return (selector ?? '')
    .split(',')
    .filter((term) => term !== '')
    .every((term) => {
      const [key = '', value] = term.split('=');
      return value === undefined ? Object.hasOwn(labels, key) : labels[key] === value;
    });
}

export function statusOf({ refusal }: RefusalError): Tree {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code: refusal.status,
    reason: refusal.reason,
    message: refusal.message,
  };
}
