// What the end of a pod means: its termination message where it has one, else what Kubernetes says,
// else its exit code.

import type { RetryClass } from '../../crds/failures/failure.ts';
import {
  type FailureCode,
  failureOf,
  isFailureCode,
  workerExitOf,
} from '../../crds/failures/table.ts';
import type { PodEnd, PodFacts } from './facts.ts';
import type { FailureFacts } from './settle.ts';

export interface EndMeaning {
  readonly code: FailureCode;
  readonly reason: string;
  readonly retry: RetryClass;
  readonly message: string;
}

export function meaningOf(pod: PodFacts, end: PodEnd): EndMeaning {
  const said = end.terminationMessage?.failure;
  const code = said !== undefined && isFailureCode(said.code) ? said.code : codeOf(end);
  const { reason, retry } = failureOf(code);
  return {
    code,
    // A newer worker may know reasons that we do not: its message is better than ours.
    reason: said?.reason ?? reason,
    retry: said === undefined ? (workerExitOf(end.exitCode)?.retry ?? retry) : retry,
    message: said?.message ?? `pod ${pod.name} ${howItEnded(end)}`,
  };
}

/** The same as the failure of a job. */
export function failureOfPod(pod: PodFacts, end: PodEnd): FailureFacts {
  const { code, message } = meaningOf(pod, end);
  return {
    code,
    message,
    index: pod.component === 'worker' ? pod.index : undefined,
    node: pod.node,
    exitCode: end.exitCode,
    step: end.terminationMessage?.failure?.step,
    record:
      end.terminationMessage === undefined ? undefined : JSON.stringify(end.terminationMessage),
  };
}

function howItEnded({ exitCode, reason, message }: PodEnd): string {
  const why = workerExitOf(exitCode)?.meaning;
  const words = [reason, why, message.trim().slice(0, 256)].filter((each) => each);
  return `ended with exit code ${exitCode}${words.length === 0 ? '' : ` (${words.join('; ')})`}`;
}

function codeOf({ exitCode, reason, message }: PodEnd): FailureCode {
  if (reason === 'OOMKilled') return 'E_HOST_OUT_OF_MEMORY';
  if (reason === 'Evicted' && /ephemeral/i.test(message)) return 'E_EPHEMERAL_STORAGE';
  return codeByExit.get(exitCode) ?? 'E_INTERNAL';
}

/** For containers without a termination message: what their exit code says alone. */
const codeByExit: ReadonlyMap<number, FailureCode> = new Map([
  [64, 'E_INVALID_SPEC'],
  [65, 'E_INVALID_DATA'],
  [66, 'E_SOURCE_NOT_FOUND'],
  [67, 'E_EVALUATION_GATE'],
  [69, 'E_UNREACHABLE'],
  [70, 'E_INTERNAL'],
  [71, 'E_DEVICE_FAULT'],
  [72, 'E_DEVICE_OUT_OF_MEMORY'],
  [73, 'E_CHECKPOINT_CORRUPTED'],
  [74, 'E_DIVERGED'],
  [75, 'E_PLANNED_STOP'],
  [76, 'E_HANG'],
  [77, 'E_HUB_UNAUTHORIZED'],
  [78, 'E_NO_DEVICE'],
  [134, 'E_CRASHED'],
  [137, 'E_TERMINATED'],
  [139, 'E_CRASHED'],
  [143, 'E_TERMINATED'],
] as const);
