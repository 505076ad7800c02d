// The two ends of a job. Both are final: a terminal condition is set once, and nothing is created
// after it.
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import { type FailureCode, failureOf } from '../../crds/failures/table.ts';
import { timeText } from '../runtime/conditions.ts';
import type { PolicyResult } from './decision.ts';
import type { View } from './view.ts';

export interface FailureFacts {
  readonly code: FailureCode;
  readonly message: string;
  readonly index?: number | undefined;
  readonly node?: string | undefined;
  readonly exitCode?: number | undefined;
  readonly step?: number | undefined;
  /** Termination message of the worker, as it wrote them. */
  readonly record?: string | undefined;
}

const longestMessage = 2048;

/** `status.failure` keeps the first cause: what was written there is not written over. */
export function fail(view: Pick<View, 'facts' | 'status'>, found: FailureFacts): PolicyResult {
  const { code, message, ...where } = found;
  const { reason } = failureOf(code);
  const first: NonNullable<FineTuneJobStatus['failure']> = {
    code,
    reason,
    message: message.slice(0, longestMessage),
    ...present(where),
  };
  return {
    conditions: [
      { type: 'Failed', status: 'True', reason, message },
      { type: 'Running', status: 'False', reason: 'Stopped', message: 'the job ended' },
    ],
    status: {
      completionTime: timeText(view.facts.now),
      failure: view.status.failure ?? first,
    },
    events: [{ type: 'Warning', reason, note: message, action: 'Fail' }],
    final: true,
  };
}

function endOf({ spec }: View, reason: 'Finished' | 'FinishedEarly'): string {
  if (spec.training.maxSteps === 0) return 'nothing was to be trained';
  return reason === 'Finished'
    ? 'the job trained to its end'
    : 'the job stopped early as it was asked to';
}

export function complete(view: View, reason: 'Finished' | 'FinishedEarly'): PolicyResult {
  const message = `${endOf(view, reason)}, and the result is in place`;
  return {
    conditions: [{ type: 'Complete', status: 'True', reason, message }],
    status: { completionTime: timeText(view.facts.now) },
    events: [{ type: 'Normal', reason, note: message, action: 'Complete' }],
    final: true,
  };
}

function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
