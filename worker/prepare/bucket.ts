// A prefix of an S3 bucket as a listing of files. The SDK does signing and the chain of credentials (workload identity
// included); trying again is ours, so that there is one back-off and it starts where the bytes stopped. The SDK is
// 13 MB and optional: it is loaded when the first bucket is named.
import { createHash } from 'node:crypto';
import type { HeadObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import {
  type BucketTarget,
  bucketError,
  nothingThere,
  oddBucket,
  withoutSdk,
} from './bucket-error.ts';
import { isErrno } from './errno.ts';
import { type Network, readBody, withinSilence } from './http.ts';
import { retry } from './retry.ts';
import {
  type FileDigest,
  isSafePath,
  type SourceFile,
  type SourceListing,
} from './source-files.ts';

export interface BucketCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface Bucket extends BucketTarget {
  readonly region?: string | undefined;
  /** The SDK's own chain when absent. */
  readonly credentials?: BucketCredentials | undefined;
}

/** An object as the listing of its bucket shows it. */
interface Listed {
  readonly key: string;
  readonly path: string;
  readonly bytes: number;
  readonly etag: string;
}

const maxFiles = 100_000;

export async function listBucket(
  bucket: Bucket,
  network: Network,
  signal: AbortSignal,
): Promise<SourceListing> {
  const { S3Client: Client, ...sdk } = await loadSdk();
  const client = new Client({
    region: bucket.region ?? 'us-east-1',
    ...(bucket.endpoint === undefined ? {} : { endpoint: bucket.endpoint, forcePathStyle: true }),
    ...(bucket.credentials === undefined ? {} : { credentials: bucket.credentials }),
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const { name, prefix } = parseUri(bucket.uri);
  const found: Listed[] = [];
  let next: string | undefined;
  do {
    const query = new sdk.ListObjectsV2Command({
      Bucket: name,
      Prefix: prefix,
      ContinuationToken: next,
    });
    const page = await patiently(bucket, network, signal, (abortSignal) =>
      client.send(query, { abortSignal }),
    );
    for (const { Key: key, Size: bytes, ETag: etag } of page.Contents ?? []) {
      const path = key === undefined ? undefined : pathBelow(key, prefix);
      if (key === undefined || path === undefined || bytes === undefined || !etag) continue;
      if (!isSafePath(path) || found.length === maxFiles) throw oddBucket(bucket, path, maxFiles);
      found.push({ key, path, bytes, etag });
    }
    next = page.NextContinuationToken;
  } while (next !== undefined);
  if (found.length === 0) throw nothingThere(bucket);
  return {
    origin: bucket.uri,
    version: hashOf(found.map(({ path, etag, bytes }) => `${path} ${etag} ${bytes}`)),
    files: found.map((listed) => bucketFile(client, sdk, bucket, name, listed, network)),
  };
}

/** An optional dependency: an installation for one machine may have left it out. */
async function loadSdk(): Promise<typeof import('@aws-sdk/client-s3')> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch (cause) {
    if (!isErrno(cause, 'ERR_MODULE_NOT_FOUND')) throw cause;
    throw withoutSdk(cause);
  }
}

type Sdk = Pick<typeof import('@aws-sdk/client-s3'), 'GetObjectCommand' | 'HeadObjectCommand'>;

function bucketFile(
  client: S3Client,
  sdk: Sdk,
  bucket: Bucket,
  name: string,
  listed: Listed,
  network: Network,
): SourceFile {
  const { key, path, bytes, etag } = listed;
  const object = { Bucket: name, Key: key, IfMatch: etag };
  return {
    path,
    bytes,
    version: hashOf([bucket.endpoint ?? '', name, key, etag, String(bytes)]),
    async digest(signal) {
      const query = new sdk.HeadObjectCommand({ ...object, ChecksumMode: 'ENABLED' });
      return digestOf(
        await patiently(bucket, network, signal, (abortSignal) =>
          client.send(query, { abortSignal }),
        ),
      );
    },
    async read(begin, end, signal) {
      const query = new sdk.GetObjectCommand({ ...object, Range: `bytes=${begin}-${end - 1}` });
      const answer = await once(bucket, network, signal, (abortSignal) =>
        client.send(query, { abortSignal }),
      );
      const body: ReadableStream<Uint8Array> | null = answer.Body?.transformToWebStream() ?? null;
      return readBody(body, `${bucket.uri}: ${path}`, network, signal);
    },
  };
}

/** What S3 states about the content. The ETag is the MD5 only of what was uploaded in one piece and not encrypted. */
function digestOf(head: HeadObjectCommandOutput): FileDigest | undefined {
  const whole = head.ChecksumType !== 'COMPOSITE';
  if (head.ChecksumSHA256 && whole) return { type: 'sha256', hex: toHex(head.ChecksumSHA256) };
  if (head.ChecksumCRC32 && whole) return { type: 'crc32', hex: toHex(head.ChecksumCRC32) };
  const plain = head.ServerSideEncryption === undefined || head.ServerSideEncryption === 'AES256';
  const md5 = /^"([0-9a-f]{32})"$/.exec(head.ETag ?? '')?.[1];
  if (md5 && plain && head.SSECustomerAlgorithm === undefined) return { type: 'md5', hex: md5 };
  return undefined;
}

async function patiently<T>(
  bucket: Bucket,
  network: Network,
  signal: AbortSignal,
  send: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  return retry(() => once(bucket, network, signal, send), network, signal);
}

async function once<T>(
  bucket: Bucket,
  network: Network,
  signal: AbortSignal,
  send: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await withinSilence(bucket.uri, network, signal, send);
  } catch (error) {
    signal.throwIfAborted();
    throw bucketError(error, bucket, network.clock);
  }
}

function parseUri(uri: string): { readonly name: string; readonly prefix: string } {
  const [name = '', ...rest] = uri.slice('s3://'.length).split('/');
  return { name, prefix: rest.join('/') };
}

/**
 * `s3://b/model` means the object `model` or what lies below `model/`, not `model-old/x`; undefined for what is not
 * meant and for keys that end in a slash, which is how some tools draw a folder.
 */
function pathBelow(key: string, prefix: string): string | undefined {
  if (key.endsWith('/')) return undefined;
  if (key === prefix) return key.split('/').at(-1);
  const folder = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  return key.startsWith(folder) ? key.slice(folder.length) : undefined;
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex');
}

function toHex(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex');
}
