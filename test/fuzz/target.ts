// What is fuzzed: a reader of foreign bytes. It may throw UserError and TerminalError, which are
// sentences for people; everything else that leaves it is a finding, as are time, memory and
// writing.
import { TerminalError, UserError } from '../../crds/failures/errors.ts';

export interface Target {
  /** Good inputs to begin with; files in corpus/<name>/ come on top. */
  readonly seeds: readonly (string | Uint8Array)[];
  /** Words of the format. */
  readonly words: readonly string[];
  /** Default 4096. */
  readonly maxBytes?: number;
  readonly run: (bytes: Uint8Array) => unknown;
  /**
   * The product runs this reader in a thread that it can end: time and memory are no findings, all
   * else is.
   */
  readonly isIsolated?: boolean;
  /**
   * Makes a damaged input pass the first check, so that the next ones see something: lengths, magic
   * numbers.
   */
  readonly repair?: (bytes: Uint8Array) => Uint8Array;
}

export function isAllowed(error: unknown): boolean {
  return error instanceof UserError || error instanceof TerminalError;
}
