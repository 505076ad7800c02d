// A decision in words, so that a table of a test can be read.
import type { ConditionType } from '../../crds/api/conditions.ts';
import { decide } from '../../operator/job/decide.ts';
import type { Call, Decision } from '../../operator/job/decision.ts';
import type { Facts } from '../../operator/job/facts.ts';

export interface Decided extends Decision {
  readonly phase: string | undefined;
  /** `True/Reason` of a condition; undefined where there is none. */
  is(type: ConditionType): string | undefined;
  message(type: ConditionType): string | undefined;
  /** `Create Job first-w1`, `OpenRound 3 PodFailed`, … */
  readonly words: readonly string[];
}

export function decided(facts: Facts): Decided {
  const decision = decide(facts);
  const find = (type: ConditionType) => decision.status.conditions?.find((c) => c.type === type);
  return {
    ...decision,
    phase: decision.status.phase,
    is(type) {
      const found = find(type);
      return found === undefined ? undefined : `${found.status}/${found.reason}`;
    },
    message: (type) => find(type)?.message,
    words: decision.calls.map(callInWords),
  };
}

export function callInWords(call: Call): string {
  switch (call.type) {
    case 'Create':
    case 'Apply':
      return `${call.type} ${call.kind} ${call.manifest.metadata.name}`;
    case 'Share':
      return `Share ${call.manifest.metadata.name}`;
    case 'EnsurePlan':
      return 'EnsurePlan';
    case 'Delete':
      return `Delete ${call.kind} ${call.name}`;
    case 'Resize':
      return `Resize ${call.name} to ${call.parallelism}`;
    case 'FailPod':
      return `FailPod ${call.name}`;
    case 'WriteDesired': {
      const { stop, workers, save } = call.record;
      return `WriteDesired ${stop} workers=${workers} save=${save}`;
    }
    case 'InitState':
      return `InitState ${call.record.round}`;
    case 'OpenRound':
      return `OpenRound ${call.from + 1} ${call.cause}`;
    default:
      return call.type;
  }
}
