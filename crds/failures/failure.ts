// A row of the table of failures.
/**
 * Who acts: the user, the user later, the caller's back-off, the project. Class names of errors.ts.
 */
export type ErrorClass = 'UserError' | 'TerminalError' | 'TransientError' | 'Bug';

/**
 * The reaction of the supervisor or operator. Permanent: the job fails. Counted: restart, counted
 * against the budget. MemoryLadder: restart with a smaller plan. Ignored: restart, not counted.
 * InPlace: the process retries itself. None: nothing to restart.
 */
export type RetryClass = 'Permanent' | 'Counted' | 'MemoryLadder' | 'Ignored' | 'InPlace' | 'None';

export interface Failure {
  readonly reason: string;
  readonly class: ErrorClass;
  readonly retry: RetryClass;
  readonly workerExit: number;
  readonly cliExit: number;
  /** One sentence. */
  readonly meaning: string;
  /** The remedy. */
  readonly remedy: string;
}
