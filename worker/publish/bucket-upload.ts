// Uploads files of a result to a bucket. The service checks every byte against a SHA-256: of the
// file, or of each part of a large one. An object appears complete or not at all; one that exists
// with the same size and checksum is not sent again. Requests are retried part by part, and the
// parts of a failed or stopped upload are removed.
import { createReadStream } from 'node:fs';
import type { S3Client } from '@aws-sdk/client-s3';
import { UserError } from '../../crds/failures/errors.ts';
import {
  type Bucket,
  bucketClient,
  loadSdk,
  once,
  orWithoutSdk,
  parseUri,
  patiently,
  type Sdk,
} from '../remote/bucket-client.ts';
import type { Network } from '../remote/http.ts';
import { retry } from '../remote/retry.ts';
import type { FileDigest } from '../remote/source-files.ts';
import { verify } from '../remote/verify.ts';
import type { ResultFile } from './result-files.ts';
import type { UploadProgress } from './upload-progress.ts';

interface Session {
  readonly bucket: Bucket;
  readonly network: Network;
  readonly client: S3Client;
  readonly sdk: Sdk;
  readonly progress: UploadProgress;
}

interface Target {
  readonly Bucket: string;
  readonly Key: string;
}

/** Small enough to have four in memory, large enough to need few requests. */
const leastPartBytes = 8 << 20;
const mostParts = 10_000;
const partsAtOnce = 4;
/** A request may take as long as its body needs at this speed before it counts as stalled. */
const slowestBytesPerMs = 32;

/** Uploads in the order of the list; the last file signals that the rest is complete. */
export async function uploadToBucket(
  bucket: Bucket,
  files: readonly ResultFile[],
  network: Network,
  progress: UploadProgress,
  signal: AbortSignal,
): Promise<void> {
  const sdk = await loadSdk();
  const client = bucketClient(bucket, sdk);
  const session = { bucket, network, client, sdk, progress };
  try {
    for (const file of files) await uploadObject(file, session, signal);
  } finally {
    client.destroy();
  }
}

async function uploadObject(
  file: ResultFile,
  session: Session,
  signal: AbortSignal,
): Promise<void> {
  const { Upload } = await orWithoutSdk(() => import('@aws-sdk/lib-storage'));
  const { bucket, sdk, network, progress } = session;
  const { name, prefix } = parseUri(bucket.uri);
  const target: Target = {
    Bucket: name,
    Key: prefix === '' ? file.path : `${prefix}/${file.path}`,
  };
  await retry(
    async () => {
      if (await isThere(file, target, session, signal)) return;
      if (file.bytes > partBytesOf(file)) await removeLeftParts(target, session, signal);
      const body = createReadStream(file.absolute);
      try {
        const upload = new Upload({
          client: patientClient(session, signal),
          partSize: partBytesOf(file),
          queueSize: partsAtOnce,
          params: { ...target, Body: body, ChecksumAlgorithm: sdk.ChecksumAlgorithm.SHA256 },
        });
        upload.on('httpUploadProgress', ({ loaded }) => progress(file.path, loaded ?? 0));
        await upload.done();
      } finally {
        body.destroy();
      }
    },
    network,
    signal,
  );
  progress(file.path, file.bytes);
}

/**
 * Removes the parts that a killed process left, for which the bucket is charged. A result has one
 * writer, so an unfinished upload under its key is garbage. Write-only credentials cannot list
 * uploads; it stays then.
 */
async function removeLeftParts(
  target: Target,
  { bucket, network, client, sdk }: Session,
  signal: AbortSignal,
): Promise<void> {
  const ask = new sdk.ListMultipartUploadsCommand({ Bucket: target.Bucket, Prefix: target.Key });
  try {
    const { Uploads: left = [] } = await once(bucket, network, signal, (abortSignal) =>
      client.send(ask, { abortSignal }),
    );
    for (const { Key, UploadId } of left) {
      if (Key !== target.Key || UploadId === undefined) continue;
      const remove = new sdk.AbortMultipartUploadCommand({ ...target, UploadId });
      await once(bucket, network, signal, (abortSignal) => client.send(remove, { abortSignal }));
    }
  } catch {
    signal.throwIfAborted();
  }
}

function partBytesOf({ bytes }: ResultFile): number {
  return Math.max(leastPartBytes, Math.ceil(bytes / mostParts));
}

/** Write-only credentials cannot see objects; everything is then sent. */
async function isThere(
  file: ResultFile,
  target: Target,
  { bucket, network, client, sdk }: Session,
  signal: AbortSignal,
): Promise<boolean> {
  const query = new sdk.HeadObjectCommand({ ...target, ChecksumMode: 'ENABLED' });
  try {
    const head = await patiently(bucket, network, signal, (abortSignal) =>
      client.send(query, { abortSignal }),
    );
    if (head.ContentLength !== file.bytes) return false;
    const stated = digestOf(head.ChecksumSHA256, file);
    if (stated === undefined) return false;
    return (await verify(file.absolute, file.bytes, stated, signal)).matches;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

/** The part sizes of our own uploads are known. */
function digestOf(checksum: string | undefined, file: ResultFile): FileDigest | undefined {
  const [, base64, parts] = /^([^-]+)(?:-(\d+))?$/.exec(checksum ?? '') ?? [];
  if (base64 === undefined) return undefined;
  const hex = Buffer.from(base64, 'base64').toString('hex');
  if (parts === undefined) return { type: 'sha256', hex };
  const partBytes: number[] = [];
  for (let left = file.bytes; left > 0; left -= partBytesOf(file)) {
    partBytes.push(Math.min(left, partBytesOf(file)));
  }
  return partBytes.length === Number(parts) ? { type: 'sha256OfParts', hex, partBytes } : undefined;
}

/**
 * A client for the SDK's `Upload` that retries each request and honours our signal, which `Upload`
 * does not pass on. Only the request that removes the parts runs after a stop; its failure is not
 * reported beside the original one.
 */
function patientClient({ client, sdk, bucket, network }: Session, signal: AbortSignal): S3Client {
  type Command = Parameters<S3Client['send']>[0];
  const send = async (command: Command): Promise<unknown> => {
    if (command instanceof sdk.AbortMultipartUploadCommand) {
      const own = new AbortController().signal;
      return once(bucket, network, own, (abortSignal) =>
        client.send(command, { abortSignal }),
      ).catch(() => undefined);
    }
    const stallMs = network.stallMs + bytesOf(command.input) / slowestBytesPerMs;
    return network.connections(() =>
      patiently(bucket, { ...network, stallMs }, signal, (abortSignal) =>
        client.send(command, { abortSignal }),
      ),
    );
  };
  return Object.create(client, { send: { value: send } });
}

function bytesOf(input: object): number {
  return 'Body' in input && input.Body instanceof Uint8Array ? input.Body.byteLength : 0;
}
