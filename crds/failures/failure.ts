// What a row of the table of failures says.
/**
 * Who acts: the person, the person later, the caller's back-off, us. Names of the classes in
 * errors.ts.
 */
export type ErrorClass = 'UserError' | 'TerminalError' | 'TransientError' | 'Bug';

/**
 * What the supervisor or the operator does about it. Permanent: the job ends. Counted: restart,
 * against the budget. MemoryLadder: restart with a smaller plan. Ignored: restart, not counted.
 * InPlace: the process tries again itself. None: nothing runs that could restart.
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
  /** What to do. */
  readonly remedy: string;
}
