// The client of an S3 service. The SDK signs and finds credentials (including workload identity);
// retries are ours, so that there is one back-off and a download resumes where it stopped. The SDK
// is 13 MB and optional: it is loaded for the first bucket.
import type { S3Client } from '@aws-sdk/client-s3';
import { isErrno } from '../files/errno.ts';
import { type BucketTarget, bucketError, withoutSdk } from './bucket-error.ts';
import { type Network, withinSilence } from './http.ts';
import { retry } from './retry.ts';

export interface BucketCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface Bucket extends BucketTarget {
  readonly region?: string | undefined;
  /** @default the SDK's own chain */
  readonly credentials?: BucketCredentials | undefined;
}

export type Sdk = typeof import('@aws-sdk/client-s3');

/** An optional dependency, which a local installation may lack. */
export async function loadSdk(): Promise<Sdk> {
  return orWithoutSdk(() => import('@aws-sdk/client-s3'));
}

export async function orWithoutSdk<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (!isErrno(cause, 'ERR_MODULE_NOT_FOUND')) throw cause;
    throw withoutSdk(cause);
  }
}

export function bucketClient(bucket: Bucket, { S3Client: Client }: Sdk): S3Client {
  return new Client({
    region: bucket.region ?? 'us-east-1',
    ...(bucket.endpoint === undefined ? {} : { endpoint: bucket.endpoint, forcePathStyle: true }),
    ...(bucket.credentials === undefined ? {} : { credentials: bucket.credentials }),
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

export async function patiently<T>(
  bucket: Bucket,
  network: Network,
  signal: AbortSignal,
  send: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  return retry(() => once(bucket, network, signal, send), network, signal);
}

export async function once<T>(
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

export function parseUri(uri: string): { readonly name: string; readonly prefix: string } {
  const [name = '', ...rest] = uri.slice('s3://'.length).split('/');
  return { name, prefix: rest.join('/') };
}
