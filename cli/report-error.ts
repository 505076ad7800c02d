// Errors as people read them: what, and what to do. The exit code comes from the failure table.
import { type AnnealError, failureOf, toAnnealError } from '../crds/index.ts';

export interface Telling {
  /** Gets each line without its end. */
  readonly write: (line: string) => void;
  /** Tell the chain of causes. */
  readonly verbose: boolean;
  /** Tell the stack. */
  readonly debug: boolean;
}

/** Prints the error and returns the exit code. */
export function reportError(thrown: unknown, { write, verbose, debug }: Telling): number {
  const error: AnnealError = toAnnealError(thrown);
  write(error.message);
  // A list of problems carries the hints of its own lines.
  if (error.hint !== '' && !error.message.includes('\n')) write(`hint: ${error.hint}`);
  if (verbose && !debug) for (const cause of causesOf(error)) write(`because: ${cause}`);
  if (debug) write(stackOf(error));
  return failureOf(error.code).cliExit;
}

function causesOf(error: Error): readonly string[] {
  const causes: string[] = [];
  let cause = error.cause;
  // A chain that bites its own tail would never end.
  while (cause !== undefined && causes.length < 8) {
    causes.push(cause instanceof Error ? cause.message : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes.filter((text) => text !== error.message);
}

function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
