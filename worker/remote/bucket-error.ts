// Turns refusals of an S3 service into errors. The SDK throws one class with the service's error
// name and the HTTP status.

import type { Clock } from '../../crds/clock.ts';
import {
  type AnnealError,
  AnnealError as Ours,
  TerminalError,
  TransientError,
  UserError,
} from '../../crds/failures/errors.ts';
import { isTransientStatus, retryAfterMs } from './http.ts';

export interface BucketTarget {
  readonly uri: string;
  readonly endpoint?: string | undefined;
  /** Origin of the credentials, for messages; undefined for the SDK's chain. */
  readonly credentialsName?: string | undefined;
  /** The field of the job that names the bucket. */
  readonly field?: string | undefined;
  /** @default 'Read' */
  readonly access?: 'Read' | 'Write' | undefined;
}

const missing = new Set(['NoSuchBucket', 'NoSuchKey', 'NotFound']);
const unknownCredentials = new Set([
  'CredentialsProviderError',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'SignatureDoesNotMatch',
  'TokenRefreshRequired',
]);
// Bytes damaged on the way are sent again, and a lost upload is started again.
const busy = new Set([
  'BadDigest',
  'NoSuchUpload',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'SlowDown',
  'TimeoutError',
]);

export function bucketError(error: unknown, target: BucketTarget, clock: Clock): AnnealError {
  if (error instanceof Ours) return error;
  const { uri, field: path } = target;
  const name = error instanceof Error ? error.name : '';
  const { status, headers } = answerOf(error);
  const who = target.credentialsName ?? 'the credentials found here';
  const writes = target.access === 'Write';
  const refusal = writes ? 'E_PUBLISH_FAILED' : 'E_SOURCE_NOT_FOUND';
  const facts = { path, value: uri, cause: error };
  if ((missing.has(name) || status === 404) && name !== 'NoSuchUpload') {
    return new UserError({ ...facts, code: refusal, message: `${uri} does not exist` });
  }
  if (name === 'PreconditionFailed' || status === 412) {
    const message = `${uri} was changed while it was read`;
    return new TerminalError({ code: 'E_DIGEST_MISMATCH', message, cause: error });
  }
  if (unknownCredentials.has(name) || status === 401) {
    const message = `${who} are not accepted for ${uri} (${name})`;
    return new UserError({ ...facts, code: 'E_HUB_UNAUTHORIZED', message, hint: howToSetKeys });
  }
  if (status === 403) {
    const message = `${who} may not ${writes ? 'write to' : 'read'} ${uri}`;
    const hint = writes ? howToAllowWriting : howToAllow;
    return new UserError({ ...facts, code: 'E_HUB_FORBIDDEN', message, hint });
  }
  if (status === 301 || name === 'PermanentRedirect' || name === 'AuthorizationHeaderMalformed') {
    const message = `${uri} is in another region than the one asked`;
    return new UserError({ ...facts, code: refusal, message, hint: 'set region' });
  }
  const isTransient = status === undefined || isTransientStatus(status) || busy.has(name);
  // 501: a call that this service does not support.
  if (isTransient && status !== 501) {
    return new TransientError({
      code: 'E_HUB_UNAVAILABLE',
      message: `${uri} cannot be reached (${status ?? codeOf(error) ?? name})`,
      retryAfterMs: retryAfterMs(headers, clock),
      cause: error,
    });
  }
  return new UserError({
    ...facts,
    code: refusal,
    message: `${uri} was refused with ${status} ${name}`,
  });
}

export function nothingThere(target: BucketTarget): UserError {
  return new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message: `${target.uri} has no objects`,
    path: target.field,
    value: target.uri,
  });
}

export function oddBucket(target: BucketTarget, path: string, maxFiles: number): UserError {
  return new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message: `${target.uri} has an object named ${path}, or more than ${maxFiles} objects`,
    path: target.field,
    value: target.uri,
  });
}

export function withoutSdk(cause: unknown): TerminalError {
  return new TerminalError({
    code: 'E_SETUP',
    message: 'buckets need @aws-sdk/client-s3 and @aws-sdk/lib-storage, which are not installed',
    hint: 'npm install --include=optional',
    cause,
  });
}

const howToSetKeys =
  'set credentialsSecretRef beside uri, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for a local run';
const howToAllow = 'allow s3:GetObject and s3:ListBucket for this prefix';
const howToAllowWriting = 'allow s3:PutObject and s3:AbortMultipartUpload for this prefix';

/** The SDK sets these fields although its types do not have them. */
function answerOf(error: unknown): {
  readonly status: number | undefined;
  readonly headers: Headers;
} {
  const facts = error as {
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
  } | null;
  return {
    status: facts?.$metadata?.httpStatusCode,
    headers: new Headers(facts?.$response?.headers ?? {}),
  };
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
