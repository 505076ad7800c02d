// Members of an ensemble choose a token together: by the weighted mean of their logits, which is
// the weighted geometric mean of their probabilities.
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Lane, Sequence } from './sequence.ts';

/** `[S, V]` by sequence, from `logits [B, V]` by lane. A text of one lane keeps its bits. */
export function meansOf(
  logits: Tensor,
  lanes: readonly Lane[],
  sequences: readonly Sequence[],
): Tensor {
  if (lanes.length === sequences.length) return logits;
  const rows = new Map(lanes.map((lane, row) => [lane, ops.narrow(logits, 0, row, 1)]));
  return ops.cat(
    sequences.map((sequence) => {
      const own = sequence.lanes.flatMap((lane) => rows.get(lane) ?? []);
      const [first] = own;
      return own.length === 1 && first !== undefined ? first : meanOf(own, sequence);
    }),
    0,
  );
}

function meanOf(rows: readonly Tensor[], { members }: Sequence): Tensor {
  return scope(() =>
    rows
      .map((row, i) => ops.mulScalar(row, members[i]?.weight ?? 0))
      .reduce((sum, row) => ops.add(sum, row)),
  );
}
