// Prints errors as a sentence and a hint. The exit code comes from the failure table.
import { type AnnealError, failureOf, toAnnealError } from '../crds/index.ts';

export interface Telling {
  /** Receives each line without its line end. */
  readonly write: (line: string) => void;
  /** Print the chain of causes. */
  readonly verbose: boolean;
  /** Print the stack. */
  readonly debug: boolean;
}

/** Prints the error and returns the exit code. */
export function reportError(thrown: unknown, { write, verbose, debug }: Telling): number {
  const error: AnnealError = toAnnealError(thrown);
  write(error.message);
  // A list of problems contains its own hints.
  if (error.hint !== '' && !error.message.includes('\n')) write(`hint: ${error.hint}`);
  if (verbose && !debug) for (const cause of causesOf(error)) write(`because: ${cause}`);
  if (debug) write(stackOf(error));
  return failureOf(error.code).cliExit;
}

function causesOf(error: Error): readonly string[] {
  const causes: string[] = [];
  let cause = error.cause;
  // A cyclic chain of causes would never end.
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
