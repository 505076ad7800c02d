// Lists a prefix of an S3 bucket as files. See bucket-client.ts for the SDK and retries.
import { createHash } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import {
  type Bucket,
  bucketClient,
  loadSdk,
  once,
  parseUri,
  patiently,
  type Sdk,
} from './bucket-client.ts';
import { statedDigest } from './bucket-digest.ts';
import { nothingThere, oddBucket } from './bucket-error.ts';
import { type Network, readBody } from './http.ts';
import { isSafePath, type SourceFile, type SourceListing } from './source-files.ts';

/** An object in the listing of its bucket. */
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
  const sdk = await loadSdk();
  const client = bucketClient(bucket, sdk);
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
    digest: (signal) => statedDigest({ client, sdk, bucket, network, object, bytes }, signal),
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

/**
 * `s3://b/model` is the object `model` or the objects below `model/`, not `model-old/x`. Undefined
 * for other keys, and for keys ending in a slash, with which some tools mark folders.
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
