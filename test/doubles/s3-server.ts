// The part of S3 that the worker uses: listing in pages, head (of a part too), attributes, ranged
// get with If-Match, put, multipart (s3-uploads.ts), delete; XML errors, checksums that are
// verified, faults on demand. Path-style addresses only. Binds 127.0.0.1, unless pods of a test
// cluster are to reach it. Signatures are not computed, the access key in them is evaluated up. No
// server in the registries fits: s3rver was given up in 2021 and knows neither checksums nor
// chunked uploads of today's SDK.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Faults } from './faults.ts';
import { type Listening, listen, loopback, type Place, receive, sendBytes } from './http-server.ts';
import { etagOf, hash, S3Uploads } from './s3-uploads.ts';

interface StoredObject {
  readonly bytes: Buffer;
  readonly etag: string;
  /** Some services keep none. Of an upload in parts: over those of the parts, with their number. */
  readonly sha256: string | undefined;
  readonly parts?: readonly Buffer[];
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
  readonly keys = new Map<string, 'all' | 'write' | 'nothing'>();
  /** Buckets that there are, where not every name is one. */
  readonly buckets = new Set<string>();
  /** The service does not know GetObjectAttributes. */
  withoutAttributes = false;
  pageSize = 1000;
  #server!: Listening;
  /** By `/bucket/key`. */
  readonly #objects = new Map<string, StoredObject>();
  readonly uploads = new S3Uploads();

  static async start(place: Place = loopback): Promise<S3Server> {
    const server = new S3Server();
    server.#server = await listen((request, response) => server.#answer(request, response), place);
    return server;
  }

  get endpoint(): string {
    return this.#server.origin;
  }

  put(path: string, content: string | Uint8Array, options: { readonly checksum?: boolean } = {}) {
    const bytes = Buffer.from(content as Uint8Array);
    const etag = etagOf(bytes);
    const sha256 = hash('sha256', bytes).toString('base64');
    const kept = (options.checksum ?? true) ? sha256 : undefined;
    this.#objects.set(path, { bytes, etag, sha256: kept });
  }

  /** As an upload in parts leaves it. */
  putParts(path: string, parts: readonly Buffer[]): void {
    const sums = Buffer.concat(parts.map((part) => hash('sha256', part)));
    const md5s = Buffer.concat(parts.map((part) => hash('md5', part)));
    this.#objects.set(path, {
      bytes: Buffer.concat(parts),
      etag: `"${hash('md5', md5s).toString('hex')}-${parts.length}"`,
      sha256: `${hash('sha256', sums).toString('base64')}-${parts.length}`,
      parts,
    });
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
    const may = this.keys.get(key) ?? 'all';
    const reads = method === 'GET' || method === 'HEAD';
    if (may === 'nothing' || (may === 'write' && reads)) return refuse(response, 'AccessDenied');
    const query = url.searchParams;
    if (this.buckets.size > 0 && !this.buckets.has(path.split('/')[1] ?? '')) {
      return refuse(response, 'NoSuchBucket');
    }
    if (method === 'GET' && query.has('attributes')) return this.#attributes(path, response);
    if (method === 'GET' && query.has('list-type')) return this.#list(path, query, response);
    if (method === 'GET' && query.has('uploads')) return this.#leftUploads(path, query, response);
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

  #leftUploads(path: string, query: URLSearchParams, response: ServerResponse): void {
    const bucket = `${path.replace(/\/$/, '')}/`;
    const left = this.uploads
      .leftBelow(`${bucket}${query.get('prefix') ?? ''}`)
      .map(({ id, key }) => {
        const name = xml(key.slice(bucket.length));
        return `<Upload><Key>${name}</Key><UploadId>${id}</UploadId></Upload>`;
      });
    const answer = `<IsTruncated>false</IsTruncated>${left.join('')}`;
    sendXml(response, 200, `<ListMultipartUploadsResult>${answer}</ListMultipartUploadsResult>`);
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
    const part = new URL(seen.url, this.endpoint).searchParams.get('partNumber');
    if (part !== null && found.parts !== undefined) {
      response.setHeader('x-amz-mp-parts-count', found.parts.length);
      response.setHeader('content-length', found.parts[Number(part) - 1]?.length ?? 0);
      response.writeHead(206).end();
      return;
    }
    if (mode === 'ENABLED' && found.sha256 !== undefined && seen.range === undefined) {
      response.setHeader('x-amz-checksum-sha256', found.sha256);
      const type = found.parts === undefined ? 'FULL_OBJECT' : 'COMPOSITE';
      response.setHeader('x-amz-checksum-type', type);
    }
    const fault = seen.method === 'GET' ? this.faults.forBody(path) : undefined;
    await sendBytes(found.bytes, seen, response, fault);
  }

  #attributes(path: string, response: ServerResponse): void {
    const found = this.#objects.get(path);
    if (this.withoutAttributes) refuse(response, 'NotImplemented');
    else if (found === undefined) refuse(response, 'NoSuchKey');
    else {
      const parts = (found.parts ?? []).map(
        (part, i) => `<Part><PartNumber>${i + 1}</PartNumber><Size>${part.length}</Size></Part>`,
      );
      const list = `<IsTruncated>false</IsTruncated><PartsCount>${parts.length}</PartsCount>${parts.join('')}`;
      sendXml(
        response,
        200,
        `<GetObjectAttributesResponse><ObjectParts>${list}</ObjectParts></GetObjectAttributesResponse>`,
      );
    }
  }

  async #write(
    path: string,
    query: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const fault = this.faults.forWrite(writeOf(path, query));
    const received = await receive(request, fault);
    if (received === undefined) return;
    const body = unchunked(request, received);
    const sum = String(request.headers['x-amz-checksum-sha256'] ?? '') || undefined;
    if (sum !== undefined && sum !== hash('sha256', body).toString('base64')) {
      return refuse(response, 'BadDigest');
    }
    const id = query.get('uploadId');
    if (query.has('uploads')) {
      const hasSums = request.headers['x-amz-checksum-algorithm'] === 'SHA256';
      const fresh = this.uploads.create(path, hasSums);
      const answer = `<UploadId>${fresh}</UploadId>`;
      return sendXml(
        response,
        200,
        `<InitiateMultipartUploadResult>${answer}</InitiateMultipartUploadResult>`,
      );
    }
    if (id === null) {
      this.put(path, body);
      if (fault?.type === 'LoseAnswer') return void response.destroy();
      response.writeHead(200, { etag: this.#objects.get(path)?.etag ?? '' }).end();
      return;
    }
    if (request.method === 'PUT') {
      const part = { number: Number(query.get('partNumber')), body, sum };
      const refused = this.uploads.addPart(id, part);
      if (refused !== undefined) return refuse(response, refused);
      const headers = sum === undefined ? {} : { 'x-amz-checksum-sha256': sum };
      response.writeHead(200, { etag: etagOf(body), ...headers }).end();
      return;
    }
    const parts = this.uploads.complete(id, body.toString());
    if (typeof parts === 'string') return refuse(response, parts);
    this.putParts(path, parts);
    if (fault?.type === 'LoseAnswer') return void response.destroy();
    const answer = `<ETag>${xml(this.#objects.get(path)?.etag ?? '')}</ETag>`;
    sendXml(
      response,
      200,
      `<CompleteMultipartUploadResult>${answer}</CompleteMultipartUploadResult>`,
    );
  }

  #delete(path: string, query: URLSearchParams, response: ServerResponse): void {
    const id = query.get('uploadId');
    if (id === null) this.#objects.delete(path);
    else this.uploads.remove(id);
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
  NotImplemented: 501,
  BadDigest: 400,
  EntityTooSmall: 400,
  InvalidPart: 400,
  InvalidPartOrder: 400,
  InvalidRequest: 400,
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

/** For faults: `/bucket/key`, `/bucket/key/part-2`, `/bucket/key/complete`. */
function writeOf(path: string, query: URLSearchParams): string {
  const part = query.get('partNumber');
  if (part !== null) return `${path}/part-${part}`;
  return query.has('uploadId') ? `${path}/complete` : path;
}

/**
 * The SDK sends streams as signed chunks: size in hexadecimal, line, bytes, line; trailers behind
 * the empty one.
 */
function unchunked(request: IncomingMessage, all: Buffer): Buffer {
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
