// What the end of a process that the supervisor started means: its own words where it had any, else
// its exit code or the signal that ended it, and what the kernel says about memory.
import { constants } from 'node:os';
import type { RetryClass } from '../../crds/failures/failure.ts';
import { Exit, type FailureCode, failureOf, isFailureCode } from '../../crds/failures/table.ts';
import type { TelemetryOf } from '../../crds/wire/telemetry.ts';

export interface ChildEnd {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly failure: TelemetryOf<'failure'> | undefined;
  /** Last lines of what it wrote on stderr. */
  readonly stderrTail: string;
  /** The kernel killed something of this container for memory while it ran. */
  readonly outOfMemory: boolean;
}

/** Why a container or a trainer ended badly, by the table of failures. */
export interface Failure {
  readonly code: FailureCode;
  readonly reason: string;
  readonly message: string;
  readonly retry: RetryClass;
  /** With which the container ends, where it ends for this. */
  readonly exitCode: number;
  readonly step?: number | undefined;
  /** Of several trainers of a pod, that of the one that ended so. */
  readonly rank?: number;
  readonly device?: string | undefined;
  readonly lastError?: string | undefined;
}

export type Ending = 'Done' | 'Stopped' | Failure;

export function endingOf(end: ChildEnd, step: number): Ending {
  const { exitCode, failure } = end;
  if (exitCode === Exit.Done) return 'Done';
  if (exitCode === Exit.PlannedStop) return 'Stopped';
  const lastError = end.stderrTail === '' ? undefined : end.stderrTail;
  if (failure !== undefined && isFailureCode(failure.code)) {
    const { reason, retry, workerExit } = failureOf(failure.code);
    const { code, message } = failure;
    return { ...{ code, reason, message, retry, step, lastError }, exitCode: workerExit };
  }
  return { ...failureWith(codeOf(end), wordsOf(end)), exitCode: numberOf(end), step, lastError };
}

/** A failure that is not the end of a process. */
export function failureWith(code: FailureCode, message: string): Failure {
  const { reason, retry, workerExit } = failureOf(code);
  return { code, reason, message, retry, exitCode: workerExit };
}

function codeOf({ exitCode, signal, outOfMemory }: ChildEnd): FailureCode {
  if (signal === undefined) return exitCode === undefined ? 'E_CRASHED' : 'E_INTERNAL';
  if (signal === 'SIGKILL') return outOfMemory ? 'E_HOST_OUT_OF_MEMORY' : 'E_TERMINATED';
  return signal === 'SIGTERM' ? 'E_TERMINATED' : 'E_CRASHED';
}

function wordsOf({ exitCode, signal, outOfMemory, stderrTail }: ChildEnd): string {
  const why = outOfMemory && signal === 'SIGKILL' ? ' because the memory limit was reached' : '';
  const how = signal === undefined ? `with exit code ${exitCode}` : `by ${signal}${why}`;
  const last = stderrTail.split('\n').at(-1) ?? '';
  return `the training process was ended ${how}${last === '' ? '' : `: ${last}`}`;
}

function numberOf({ exitCode, signal }: ChildEnd): number {
  if (signal === undefined) return exitCode ?? failureOf('E_INTERNAL').workerExit;
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}
