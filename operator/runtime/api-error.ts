// What the API server refuses, as one error of ours. Callers compare `status` and `reason`, never
// the words.
import * as z from 'zod';
import { AnnealError, type ErrorFacts } from '../../crds/failures/errors.ts';
import type { FailureCode } from '../../crds/failures/table.ts';

const kubernetesStatus = z.object({
  kind: z.literal('Status'),
  message: z.string().default(''),
  reason: z.string().default(''),
  code: z.number().optional(),
  details: z
    .object({
      retryAfterSeconds: z.number().optional(),
      causes: z
        .array(z.object({ reason: z.string().optional(), message: z.string().optional() }))
        .optional(),
    })
    .optional(),
});

interface ApiErrorFacts extends ErrorFacts {
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs?: number | undefined;
  readonly causes?: readonly string[];
}

export class ApiError extends AnnealError {
  readonly status: number;
  /** The API server's word: AlreadyExists, Conflict, Expired, … */
  readonly reason: string;
  /** The least time to wait before another try, where the server named one. */
  readonly retryAfterMs: number | undefined;
  /**
   * Words of the API server for what is wrong with which field: NamespaceTerminating,
   * FieldManagerConflict, …
   */
  readonly causes: readonly string[];

  constructor(facts: ApiErrorFacts) {
    super(facts);
    this.status = facts.status;
    this.reason = facts.reason;
    this.retryAfterMs = facts.retryAfterMs;
    this.causes = facts.causes ?? [];
  }
}

/** `what` is the request in words: `get jobs/ns/name`. */
export function toApiError(
  what: string,
  httpStatus: number,
  body: unknown,
  retryAfter: string | undefined,
): ApiError {
  const parsed = kubernetesStatus.safeParse(body);
  const status = parsed.success ? (parsed.data.code ?? httpStatus) : httpStatus;
  const words = parsed.success ? parsed.data.message : '';
  const causes = parsed.data?.details?.causes ?? [];
  const seconds = Number(retryAfter ?? parsed.data?.details?.retryAfterSeconds ?? Number.NaN);
  return new ApiError({
    code: codeOf(status),
    status,
    reason: (parsed.success && parsed.data.reason) || `HTTP${status}`,
    message: `${what} was answered with ${status}${words === '' ? '' : `: ${words}`}`,
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined,
    causes: causes.flatMap(({ reason }) => reason ?? []),
  });
}

/** No answer: refused, cut, timed out. The request may or may not have taken effect. */
export function unanswered(what: string, cause: unknown): ApiError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new ApiError({
    code: 'E_UNREACHABLE',
    status: 0,
    reason: 'Unanswered',
    message: `${what} got no answer: ${words}`,
    cause,
  });
}

function codeOf(status: number): FailureCode {
  switch (status) {
    case 401:
    case 403:
      return 'E_NOT_PERMITTED';
    case 404:
      return 'E_NOT_FOUND';
    case 409:
      return 'E_CONFLICT';
    case 400:
    case 422:
      return 'E_INVALID_SPEC';
    default:
      return 'E_UNREACHABLE';
  }
}

export function isStatus(error: unknown, status: number): error is ApiError {
  return error instanceof ApiError && error.status === status;
}

/** 409 has two meanings: the name is taken, or the object is another one by now. */
export function isAlreadyExists(error: unknown): error is ApiError {
  return isStatus(error, 409) && error.reason === 'AlreadyExists';
}

/**
 * A JSON patch whose test does not hold: the object is another one by now. Where fields are
 * refused, the answer names them.
 */
export function isPast(error: unknown): error is ApiError {
  return isStatus(error, 422) && error.causes.length === 0;
}

/** A quota said no: 403 with words that every version of the quota plugin uses. */
export function isQuotaRefusal(error: unknown): error is ApiError {
  return isStatus(error, 403) && /exceeded quota|insufficient quota/i.test(error.message);
}

/** The server is there and busy, or nobody answered: the same request may succeed later. */
export function isPassing(error: unknown): error is ApiError {
  return (
    error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500)
  );
}
