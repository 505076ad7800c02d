// What an S3 service's refusal means. The SDK throws one class with a name from the service and the status beside it.
import {
  type AnnealError,
  AnnealError as Ours,
  TerminalError,
  TransientError,
  UserError,
} from '../../crds/errors.ts';
import type { Clock } from '../clock.ts';
import { isTransientStatus, retryAfterMs } from './http.ts';

export interface BucketTarget {
  readonly uri: string;
  readonly endpoint?: string | undefined;
  /** Where the credentials came from; absent for the chain of the SDK. */
  readonly credentialsName?: string | undefined;
  /** The field of the job that names the bucket. */
  readonly field?: string | undefined;
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
const busy = new Set(['SlowDown', 'RequestTimeout', 'RequestTimeTooSkewed', 'TimeoutError']);

export function bucketError(error: unknown, target: BucketTarget, clock: Clock): AnnealError {
  if (error instanceof Ours) return error;
  const { uri, field: path } = target;
  const name = error instanceof Error ? error.name : '';
  const { status, headers } = answerOf(error);
  const who = target.credentialsName ?? 'the credentials found here';
  const facts = { path, value: uri, cause: error };
  if (missing.has(name) || status === 404) {
    return new UserError({
      ...facts,
      code: 'E_SOURCE_NOT_FOUND',
      message: `${uri} does not exist`,
    });
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
    const message = `${who} may not read ${uri}`;
    return new UserError({ ...facts, code: 'E_HUB_FORBIDDEN', message, hint: howToAllow });
  }
  if (status === 301 || name === 'PermanentRedirect' || name === 'AuthorizationHeaderMalformed') {
    const message = `${uri} lies in another region than the one asked`;
    return new UserError({ ...facts, code: 'E_SOURCE_NOT_FOUND', message, hint: 'set region' });
  }
  if (status === undefined || isTransientStatus(status) || busy.has(name)) {
    return new TransientError({
      code: 'E_HUB_UNAVAILABLE',
      message: `${uri} cannot be reached (${status ?? codeOf(error) ?? name})`,
      retryAfterMs: retryAfterMs(headers, clock),
      cause: error,
    });
  }
  return new UserError({
    ...facts,
    code: 'E_SOURCE_NOT_FOUND',
    message: `${uri} was refused with ${status} ${name}`,
  });
}

export function nothingThere(target: BucketTarget): UserError {
  return new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message: `${target.uri} holds no object`,
    path: target.field,
    value: target.uri,
  });
}

export function oddBucket(target: BucketTarget, path: string, maxFiles: number): UserError {
  return new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message: `${target.uri} holds an object named ${path}, or more than ${maxFiles} objects`,
    path: target.field,
    value: target.uri,
  });
}

export function withoutSdk(cause: unknown): TerminalError {
  return new TerminalError({
    code: 'E_SETUP',
    message: 'buckets need the package @aws-sdk/client-s3, which is not installed',
    hint: 'npm install --include=optional',
    cause,
  });
}

const howToSetKeys =
  'set credentialsSecretRef beside uri, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for a local run';
const howToAllow = 'allow s3:GetObject and s3:ListBucket for this prefix';

/** The SDK puts the answer into fields that its types do not promise. */
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
