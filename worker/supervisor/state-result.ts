// What the state record says of the end of the training, as a pod tells it.
import { isFailureCode } from '../../crds/failures/table.ts';
import type { StateRecord } from '../../crds/wire/state.ts';
import type { TerminationMessage } from '../../crds/wire/termination-message.ts';
import { type Failure, failureWith } from './end-of-child.ts';

/** The failure in the record, where this pod ends with its code. */
export function failedOf(state: StateRecord | undefined, code: number): Failure | undefined {
  const result = state?.result;
  if (result?.type !== 'Failed' || result.exitCode !== code) return undefined;
  const { reason, message, step } = result;
  const known = isFailureCode(result.code) ? result.code : 'E_INTERNAL';
  return { ...failureWith(known, message), ...{ reason, step, exitCode: code } };
}

export function finishedMessage(
  { result }: StateRecord,
  published: TerminationMessage['published'],
): TerminationMessage | undefined {
  if (result?.type !== 'Succeeded') return undefined;
  const finished = { reason: result.reason, step: result.step };
  return { v: 1, finished, ...(published === undefined ? {} : { published }) };
}
