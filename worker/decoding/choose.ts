// The next token of each sequence from its logits.
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, toArray } from '../tensor/tensor.ts';
import type { Sequence } from './sequence.ts';

/** By row of `logits [B, V]`; null where they are not finite. */
export function chooseAll(
  logits: Tensor,
  sequences: readonly Sequence[],
): readonly (number | null)[] {
  return scope(() => {
    const likely = toArray(ops.argmax(logits, 1));
    const largest = toArray(ops.amax(logits, [1]));
    return sequences.map((sequence, i) => {
      if (!Number.isFinite(largest[i])) return null;
      if (sequence.question.temperature === 0) return likely[i] ?? null;
      return scope(() => drawn(ops.select(logits, 0, i), sequence));
    });
  });
}

function drawn(logits: Tensor, { question, made }: Sequence): number {
  const { temperature, topP = 1, draw } = question;
  const shares = ops.softmax(ops.divScalar(logits, temperature), 0);
  const at = draw(made.length);
  if (topP >= 1) return placeOf(toArray(shares), at);
  const [values, ids] = ops.sortStable(shares, { stable: true, dim: 0, descending: true });
  const kept = fewest(toArray(values), topP);
  const total = kept.reduce((sum, share) => sum + share, 0);
  const place = placeOf(kept, at * total);
  return toArray(ops.narrow(ids, 0, place, 1))[0] ?? 0;
}

/** The first shares that have `topP` together, at least one. */
function fewest(sorted: readonly number[], topP: number): readonly number[] {
  let sum = 0;
  const behind = sorted.findIndex((share) => {
    sum += share;
    return sum >= topP;
  });
  return behind === -1 ? sorted : sorted.slice(0, behind + 1);
}

/** Which of the shares a number below their sum falls into. */
function placeOf(shares: readonly number[], at: number): number {
  let left = at;
  for (const [place, share] of shares.entries()) {
    left -= share;
    if (left < 0) return place;
  }
  return shares.length - 1;
}
