// Errors of the API server as sentences. Callers branch on `status`; the code determines the exit
// code.
import * as z from 'zod';
import { AnnealError, type ErrorFacts, type FailureCode, group } from '../../crds/index.ts';

const statusBody = z.object({
  message: z.string().default(''),
  reason: z.string().default(''),
  details: z
    .object({
      causes: z
        .array(z.object({ field: z.string().default(''), message: z.string().default('') }))
        .default([]),
    })
    .optional(),
});

export class KubeError extends AnnealError {
  /** HTTP status; 0: no answer. */
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly { readonly field: string; readonly message: string }[];

  constructor(
    facts: ErrorFacts & {
      readonly status: number;
      readonly reason: string;
      readonly causes?: KubeError['causes'];
    },
  ) {
    super(facts);
    this.status = facts.status;
    this.reason = facts.reason;
    this.causes = facts.causes ?? [];
  }
}

export function unanswered(server: string, cause: unknown): KubeError {
  return new KubeError({
    code: 'E_UNREACHABLE',
    status: 0,
    reason: 'Unanswered',
    message: `the API server at ${server} does not answer: ${whyNot(cause)}`,
    hint: 'anneal doctor checks the connection; --local shows the runs of this machine',
    cause,
  });
}

function whyNot(cause: unknown): string {
  const error = cause as { code?: string; name?: string; message?: string };
  if (error.name === 'TimeoutError') return 'timed out';
  return error.code ?? error.message ?? String(cause);
}

export function refused(what: string, status: number, text: string): KubeError {
  const parsed = statusBody.safeParse(jsonOrText(text));
  const { message = '', reason = '', details } = parsed.data ?? {};
  if (status === 404 && reason === '' && isForJobs.test(what)) return notInstalled(what);
  return new KubeError({
    code: codes[status] ?? 'E_UNREACHABLE',
    status,
    reason,
    message: messageOf(what, status, message),
    causes: details?.causes ?? [],
    hint: hints[status],
  });
}

function messageOf(what: string, status: number, message: string): string {
  if (status === 401) return 'the cluster does not know who you are (Unauthorized)';
  return message === '' ? `${what} was answered with ${status}` : message;
}

const isForJobs = new RegExp(`/apis/${group}/`);

/**
 * For an unknown resource the server answers 404 in plain text; for a missing object, with a
 * reason.
 */
function notInstalled(what: string): KubeError {
  return new KubeError({
    ...{ code: 'E_NOT_FOUND', status: 404, reason: 'NotInstalled' },
    message: `the cluster has no FineTuneJobs: its API server knows nothing at ${what}`,
    hint: 'helm install anneal charts/anneal installs them; anneal doctor checks the rest',
  });
}

const codes: Readonly<Record<number, FailureCode>> = {
  400: 'E_INVALID_SPEC',
  401: 'E_NOT_PERMITTED',
  403: 'E_NOT_PERMITTED',
  404: 'E_NOT_FOUND',
  409: 'E_CONFLICT',
  422: 'E_INVALID_SPEC',
};

const hints: Readonly<Record<number, string>> = {
  401: 'log in again, or name another context with --context',
  403: 'ask for a role in that namespace; the chart adds jobs to the roles view, edit and admin',
};

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text.slice(0, 512) }; // a proxy in between answers in plain text
  }
}
