// The four kinds of error. The table of failures maps a code to its kind and exit codes; these
// classes carry the facts of one occurrence. Compare by `code`, never by message.
import { type FailureCode, failureOf } from './table.ts';

export interface ErrorFacts {
  readonly code: FailureCode;
  /** Thing, value, rule; without "failed to" and without a full stop. */
  readonly message: string;
  /** What the user can do; the table's remedy when absent. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

export interface UserErrorFacts extends ErrorFacts {
  /** The position in the input: `spec.method.adapter.lora.rank`, a file name, a flag. */
  readonly path?: string | undefined;
  readonly value?: unknown;
}

export interface TransientErrorFacts extends ErrorFacts {
  readonly retryAfterMs?: number | undefined;
}

/** Base class of all errors of the project; catch it, then switch on `code`. */
export abstract class AnnealError extends Error {
  readonly code: FailureCode;
  readonly hint: string;

  constructor(facts: ErrorFacts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = new.target.name;
    this.code = facts.code;
    this.hint = facts.hint ?? failureOf(facts.code).remedy;
  }
}

/** The input is wrong, and the user must change it. Never retried. */
export class UserError extends AnnealError {
  readonly path: string | undefined;
  readonly value: unknown;

  constructor(facts: UserErrorFacts) {
    super(facts);
    this.path = facts.path;
    this.value = facts.value;
  }
}

/** The input is right, but cannot succeed here and now. Never retried. */
export class TerminalError extends AnnealError {}

/** A retry may succeed; the caller's back-off decides when. */
export class TransientError extends AnnealError {
  readonly retryAfterMs: number | undefined;

  constructor(facts: TransientErrorFacts) {
    super(facts);
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** An invariant of our own is broken. */
export class Bug extends AnnealError {
  constructor(message: string, cause?: unknown) {
    super({ code: 'E_INTERNAL', message, cause });
  }
}

export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}

/** Converts any thrown value; foreign errors become bugs with their cause, except a full disk. */
export function toAnnealError(thrown: unknown): AnnealError {
  if (thrown instanceof AnnealError) return thrown;
  if (isStorageFull(thrown)) {
    const path = 'path' in thrown ? String(thrown.path) : 'a file of this run';
    const message = `${path} cannot be written: the disk is full`;
    return new TerminalError({ code: 'E_STORAGE_FULL', message, cause: thrown });
  }
  return new Bug(thrown instanceof Error ? thrown.message : String(thrown), thrown);
}

/** Whether a write failed for lack of space, by an error of the operating system or ours. */
export function isStorageFull(thrown: unknown): thrown is Error {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'E_STORAGE_FULL';
}
