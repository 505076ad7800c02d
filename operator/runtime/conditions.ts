// A list of `metav1.Condition` as a value: setting one gives a new list. `lastTransitionTime` moves
// only when `status` does.
import type { Condition, ConditionType } from '../../crds/api/conditions.ts';

export interface ConditionChange<Type extends string = ConditionType> {
  readonly type: Type;
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

interface Stamp {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly generation: number;
}

export function setCondition<Type extends string = ConditionType>(
  conditions: readonly Condition[],
  { type, status, reason, message }: ConditionChange<Type>,
  { now, generation }: Stamp,
): readonly Condition[] {
  const before = conditionOf(conditions, type);
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : timeText(now);
  const after: Condition = {
    type,
    status,
    reason,
    message: message.slice(0, longestMessage),
    observedGeneration: generation,
    lastTransitionTime,
  };
  return before === undefined
    ? [...conditions, after]
    : conditions.map((each) => (each === before ? after : each));
}

const longestMessage = 2048;

export function conditionOf(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find((each) => each.type === type);
}

export function isTrue(conditions: readonly Condition[], type: ConditionType): boolean {
  return conditionOf(conditions, type)?.status === 'True';
}

/** `metav1.Time`: whole seconds. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
