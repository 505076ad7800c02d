// Messages by step, ascending. Late, duplicate and missing messages do no harm: for each step the
// newest message counts, so steps that were repeated after a rollback replace the earlier ones.

interface Stepped {
  readonly step: number;
  /** Seconds since 1970. */
  readonly time: number;
}

/**
 * The list with more messages merged in. The usual case, steps after the last one, costs no more
 * than the copy.
 */
export function mergedByStep<T extends Stepped>(
  list: readonly T[],
  more: readonly T[],
): readonly T[] {
  if (more.length === 0) return list;
  if (isRising(more, list.at(-1)?.step ?? Number.NEGATIVE_INFINITY)) return list.concat(more);
  const kept = new Map(list.map((one) => [one.step, one]));
  for (const message of more) {
    const before = kept.get(message.step);
    if (before === undefined || message.time >= before.time) kept.set(message.step, message);
  }
  return [...kept.values()].sort((a, b) => a.step - b.step);
}

function isRising(list: readonly Stepped[], above: number): boolean {
  let last = above;
  for (const { step } of list) {
    if (step <= last) return false;
    last = step;
  }
  return true;
}
