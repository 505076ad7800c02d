// The part of S3 that the worker uses: listing in pages, head, ranged get with If-Match, put, multipart, delete; XML
// errors, checksums, faults on demand. Path-style addresses only. Binds 127.0.0.1 only. Signatures are not computed,
// the access key in them is looked up. No server in the registries fits: s3rver was given up in 2021 and knows neither
// checksums nor chunked uploads of today's SDK.
import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Faults } from './faults.ts';
import { type Listening, listen, sendBytes } from './http-server.ts';

interface StoredObject {
  readonly bytes: Buffer;
  readonly etag: string;
  /** Some services keep none. */
  readonly sha256: string | undefined;
}

interface Upload {
  readonly key: string;
  readonly parts: Map<number, Buffer>;
}

export interface SeenCall {
  readonly method: string;
  readonly url: string;
  readonly range: string | undefined;
  bytes: number;
}

export class S3Server implements AsyncDisposable {
  readonly faults = new Faults();
  readonly requests: SeenCall[] = [];
  /** Access key and what it may do. Empty: everyone may do everything. */
  readonly keys = new Map<string, 'all' | 'nothing'>();
  pageSize = 1000;
  #server!: Listening;
  /** By `/bucket/key`. */
  readonly #objects = new Map<string, StoredObject>();
  readonly #uploads = new Map<string, Upload>();

  static async start(): Promise<S3Server> {
    const server = new S3Server();
    server.#server = await listen((request, response) => server.#answer(request, response));
    return server;
  }

  get endpoint(): string {
    return this.#server.origin;
  }

  put(path: string, content: string | Uint8Array, options: { readonly checksum?: boolean } = {}) {
    const bytes = Buffer.from(content as Uint8Array);
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    const sha256 = createHash('sha256').update(bytes).digest('base64');
    const kept = (options.checksum ?? true) ? sha256 : undefined;
    this.#objects.set(path, { bytes, etag, sha256: kept });
  }

  get(path: string): Buffer | undefined {
    return this.#objects.get(path)?.bytes;
  }

  served(path: string): number {
    const about = this.requests.filter(({ url }) => url.split('?')[0] === path);
    return about.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', this.endpoint);
    const path = decodeURIComponent(url.pathname);
    const method = request.method ?? '';
    const seen = { method, url: `${path}${url.search}`, range: request.headers.range, bytes: 0 };
    this.requests.push(seen);
    if (await this.faults.interfere(path, request, response)) return;
    const key = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (this.keys.size > 0 && !this.keys.has(key)) return refuse(response, 'InvalidAccessKeyId');
    if (this.keys.get(key) === 'nothing') return refuse(response, 'AccessDenied');
    const query = url.searchParams;
    if (method === 'GET' && query.has('list-type')) return this.#list(path, query, response);
    if (method === 'GET' || method === 'HEAD') return this.#read(path, seen, request, response);
    if (method === 'DELETE') return this.#delete(path, query, response);
    return this.#write(path, query, request, response);
  }

  #list(path: string, query: URLSearchParams, response: ServerResponse): void {
    const bucket = path.replace(/\/$/, '');
    const all = [...this.#objects.keys()].filter((each) => each.startsWith(`${bucket}/`)).sort();
    if (all.length === 0) {
      refuse(response, 'NoSuchBucket');
      return;
    }
    const prefix = `${bucket}/${query.get('prefix') ?? ''}`;
    const found = all.filter((each) => each.startsWith(prefix));
    const from = Number(query.get('continuation-token') ?? 0);
    const page = found.slice(from, from + this.pageSize).map((each) => {
      const { bytes, etag } = this.#objects.get(each) as StoredObject;
      const name = xml(each.slice(bucket.length + 1));
      return `<Contents><Key>${name}</Key><Size>${bytes.length}</Size><ETag>${xml(etag)}</ETag></Contents>`;
    });
    const next = from + this.pageSize;
    const more = next < found.length;
    sendXml(
      response,
      200,
      `<ListBucketResult><IsTruncated>${more}</IsTruncated>${page.join('')}${
        more ? `<NextContinuationToken>${next}</NextContinuationToken>` : ''
      }</ListBucketResult>`,
    );
  }

  async #read(
    path: string,
    seen: SeenCall,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const found = this.#objects.get(path);
    if (!found) return refuse(response, 'NoSuchKey');
    const { 'if-match': wanted, 'x-amz-checksum-mode': mode } = request.headers;
    if (wanted !== undefined && wanted !== found.etag)
      return refuse(response, 'PreconditionFailed');
    response.setHeader('etag', found.etag);
    if (mode === 'ENABLED' && found.sha256 !== undefined && seen.range === undefined) {
      response.setHeader('x-amz-checksum-sha256', found.sha256);
      response.setHeader('x-amz-checksum-type', 'FULL_OBJECT');
    }
    const fault = seen.method === 'GET' ? this.faults.forBody(path) : undefined;
    await sendBytes(found.bytes, seen, response, fault);
  }

  async #write(
    path: string,
    query: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const body = await readBody(request);
    const id = query.get('uploadId');
    if (query.has('uploads')) {
      const fresh = randomUUID();
      this.#uploads.set(fresh, { key: path, parts: new Map() });
      const answer = `<UploadId>${fresh}</UploadId>`;
      return sendXml(
        response,
        200,
        `<InitiateMultipartUploadResult>${answer}</InitiateMultipartUploadResult>`,
      );
    }
    if (id === null) {
      this.put(path, body);
      response.writeHead(200, { etag: this.#objects.get(path)?.etag ?? '' }).end();
      return;
    }
    const upload = this.#uploads.get(id);
    if (!upload) return refuse(response, 'NoSuchUpload');
    if (request.method === 'PUT') {
      upload.parts.set(Number(query.get('partNumber')), body);
      const etag = `"${createHash('md5').update(body).digest('hex')}"`;
      response.writeHead(200, { etag }).end();
      return;
    }
    const parts = [...upload.parts].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
    const digests = parts.map((part) => createHash('md5').update(part).digest());
    const whole = createHash('md5').update(Buffer.concat(digests)).digest('hex');
    const etag = `"${whole}-${parts.length}"`;
    this.#objects.set(path, { bytes: Buffer.concat(parts), etag, sha256: undefined });
    this.#uploads.delete(id);
    const answer = `<ETag>${xml(etag)}</ETag>`;
    sendXml(
      response,
      200,
      `<CompleteMultipartUploadResult>${answer}</CompleteMultipartUploadResult>`,
    );
  }

  #delete(path: string, query: URLSearchParams, response: ServerResponse): void {
    const id = query.get('uploadId');
    if (id === null) this.#objects.delete(path);
    else this.#uploads.delete(id);
    response.writeHead(204).end();
  }
}

const refusals = {
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  InvalidAccessKeyId: 403,
  AccessDenied: 403,
  PreconditionFailed: 412,
} as const;

function refuse(response: ServerResponse, code: keyof typeof refusals): void {
  sendXml(
    response,
    refusals[code],
    `<Error><Code>${code}</Code><Message>${code}</Message></Error>`,
  );
}

function sendXml(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0" encoding="UTF-8"?>${body}`);
}

function xml(text: string): string {
  return text.replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`);
}

/** The SDK sends streams as signed chunks: size in hexadecimal, line, bytes, line; trailers behind the empty one. */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const all = Buffer.concat(pieces);
  const chunked = String(request.headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING-');
  if (!chunked) return all;
  const content: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = all.indexOf('\r\n', at);
    const size = Number.parseInt(all.toString('latin1', at, lineEnd), 16);
    if (!(size > 0)) return Buffer.concat(content);
    content.push(all.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}
