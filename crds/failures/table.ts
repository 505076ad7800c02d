// The closed list of failures: everything that can end or disturb a job, a worker or a command. A
// failure has a code, a condition reason, a class, a retry rule and two exit codes (worker:
// sysexits numbers that a Pod failure policy matches; command line: the table of `anneal --help`).
// No other code defines codes, reasons or exit codes.
import { commandFailures } from './command.ts';
import type { Failure, RetryClass } from './failure.ts';
import { inputFailures } from './input.ts';
import { runtimeFailures } from './runtime.ts';
import { sourceFailures } from './source.ts';

export type { ErrorClass, Failure, RetryClass } from './failure.ts';

export const failures = {
  ...inputFailures,
  ...sourceFailures,
  ...runtimeFailures,
  ...commandFailures,
} as const satisfies Record<`E_${string}`, Failure>;

export type FailureCode = keyof typeof failures;
export type FailureReason = (typeof failures)[FailureCode]['reason'];

export function failureOf(code: FailureCode): Failure {
  return failures[code];
}

export function isFailureCode(text: string): text is FailureCode {
  return Object.hasOwn(failures, text);
}

/** Exit codes of the worker and of the command line that are not failures. */
export const Exit = { Done: 0, PlannedStop: 75 } as const;

/**
 * The meaning of a worker's exit code for a Pod failure policy, the supervisor, or the command
 * line, which see only the code. Signals are 128 + number.
 */
export const workerExits: readonly WorkerExit[] = [
  { code: 0, meaning: 'finished, or the result was already recorded', retry: 'None' },
  {
    code: 64,
    meaning: 'bad configuration, plan digest mismatch, version skew',
    retry: 'Permanent',
  },
  { code: 65, meaning: 'bad training data beyond invalidSamplePolicy', retry: 'Permanent' },
  { code: 66, meaning: 'model, data or checkpoint source not found', retry: 'Permanent' },
  { code: 67, meaning: 'the evaluation of a result refuses to publish it', retry: 'Permanent' },
  { code: 69, meaning: 'a dependency was unavailable too long', retry: 'Counted' },
  { code: 70, meaning: 'internal error', retry: 'Counted' },
  { code: 71, meaning: 'device fault, assert of a kernel, or node check', retry: 'Counted' },
  { code: 72, meaning: 'device out of memory', retry: 'MemoryLadder' },
  { code: 73, meaning: 'no usable checkpoint left', retry: 'Permanent' },
  { code: 74, meaning: 'diverged beyond nonFinitePolicy', retry: 'Permanent' },
  { code: 75, meaning: 'planned stop', retry: 'Ignored' },
  { code: 76, meaning: 'hang or collective time-out', retry: 'Counted' },
  { code: 77, meaning: 'not authorised', retry: 'Permanent' },
  {
    code: 78,
    meaning: 'image, driver or node give no device that a worker can use',
    retry: 'Permanent',
  },
  { code: 134, meaning: 'aborted', retry: 'Counted' },
  { code: 137, meaning: 'killed; with OOMKilled: host memory', retry: 'Counted' },
  { code: 139, meaning: 'segmentation fault', retry: 'Counted' },
  { code: 143, meaning: 'terminated', retry: 'Counted' },
];

export interface WorkerExit {
  readonly code: number;
  readonly meaning: string;
  readonly retry: RetryClass;
}

export function workerExitOf(code: number): WorkerExit | undefined {
  return workerExits.find((exit) => exit.code === code);
}
