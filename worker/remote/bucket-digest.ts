// The digest that a bucket states for an object. For an upload in parts, most services state a
// checksum over the checksums of the parts (COMPOSITE), which needs the sizes of the parts: these
// are requested in one call where the service supports it, else part by part.
import type { HeadObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { UserError } from '../../crds/failures/errors.ts';
import { type Bucket, patiently, type Sdk } from './bucket-client.ts';
import type { Network } from './http.ts';
import type { FileDigest } from './source-files.ts';

interface Asked {
  readonly client: S3Client;
  readonly sdk: Sdk;
  readonly bucket: Bucket;
  readonly network: Network;
  readonly object: { readonly Bucket: string; readonly Key: string; readonly IfMatch?: string };
  readonly bytes: number;
}

/** With more parts, one request for each takes too long. */
const mostParts = 1000;

export async function statedDigest(
  asked: Asked,
  signal: AbortSignal,
): Promise<FileDigest | undefined> {
  const { client, sdk, bucket, network, object } = asked;
  const query = new sdk.HeadObjectCommand({ ...object, ChecksumMode: 'ENABLED' });
  const head = await patiently(bucket, network, signal, (abortSignal) =>
    client.send(query, { abortSignal }),
  );
  return (await digestOfParts(head, asked, signal)) ?? digestOfWhole(head);
}

/** The ETag is the MD5 only for a single unencrypted upload. */
function digestOfWhole(head: HeadObjectCommandOutput): FileDigest | undefined {
  const whole = head.ChecksumType !== 'COMPOSITE';
  if (head.ChecksumSHA256 && whole) return { type: 'sha256', hex: toHex(head.ChecksumSHA256) };
  if (head.ChecksumCRC32 && whole) return { type: 'crc32', hex: toHex(head.ChecksumCRC32) };
  const plain = head.ServerSideEncryption === undefined || head.ServerSideEncryption === 'AES256';
  const md5 = /^"([0-9a-f]{32})"$/.exec(head.ETag ?? '')?.[1];
  if (md5 && plain && head.SSECustomerAlgorithm === undefined) return { type: 'md5', hex: md5 };
  return undefined;
}

async function digestOfParts(
  head: HeadObjectCommandOutput,
  asked: Asked,
  signal: AbortSignal,
): Promise<FileDigest | undefined> {
  if (head.ChecksumType !== 'COMPOSITE') return undefined;
  const type = head.ChecksumSHA256 ? 'sha256OfParts' : 'crc32OfParts';
  // `<base64>-<number of parts>`
  const [, base64, count] =
    /^(.+)-(\d+)$/.exec(head.ChecksumSHA256 ?? head.ChecksumCRC32 ?? '') ?? [];
  if (base64 === undefined) return undefined;
  const parts = Number(count);
  const partBytes =
    (await unlessRefused(attributedParts(asked, signal))) ??
    (parts > mostParts ? undefined : await unlessRefused(headedParts(asked, parts, signal)));
  const sum = partBytes?.reduce((total, bytes) => total + bytes, 0);
  if (partBytes?.length !== parts || sum !== asked.bytes) return undefined;
  return { type, hex: toHex(base64), partBytes };
}

/** Undefined where the service lacks the call, or the credentials do not permit it. */
async function unlessRefused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

async function attributedParts(
  { client, sdk, bucket, network, object }: Asked,
  signal: AbortSignal,
): Promise<readonly number[] | undefined> {
  const { Bucket: name, Key: key } = object;
  const sizes: number[] = [];
  let after: string | undefined;
  do {
    const query = new sdk.GetObjectAttributesCommand({
      ...{ Bucket: name, Key: key, ObjectAttributes: ['ObjectParts'], MaxParts: 1000 },
      PartNumberMarker: after,
    });
    const { ObjectParts: page } = await patiently(bucket, network, signal, (abortSignal) =>
      client.send(query, { abortSignal }),
    );
    sizes.push(...(page?.Parts ?? []).flatMap(({ Size: size }) => size ?? []));
    after = page?.IsTruncated === true ? page.NextPartNumberMarker : undefined;
  } while (after !== undefined);
  return sizes.length === 0 ? undefined : sizes;
}

async function headedParts(
  { client, sdk, bucket, network, object }: Asked,
  parts: number,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const sizes: number[] = [];
  for (let part = 1; part <= parts; part += 1) {
    const query = new sdk.HeadObjectCommand({ ...object, PartNumber: part });
    const head = await patiently(bucket, network, signal, (abortSignal) =>
      client.send(query, { abortSignal }),
    );
    sizes.push(head.ContentLength ?? 0);
  }
  return sizes;
}

function toHex(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex');
}
