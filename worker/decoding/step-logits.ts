// One pass of the model for all sequences of a batch: their next logits.
import { embed } from '../engine/embedding.ts';
import { finalNorm, headLogits } from '../engine/head.ts';
import { type Model, tensorsOf } from '../engine/model.ts';
import { layerAfter, withLayer } from '../engine/weights.ts';
import { type BlockTensors, block } from '../nn/block.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { indices, type Tensor } from '../tensor/tensor.ts';
import type { PagedCache } from './paged-cache.ts';
import type { Sequence } from './sequence.ts';
import { stepContext } from './step-context.ts';

/** Rows of one sequence after the other: who has which. */
interface SequenceRows {
  readonly sequence: Sequence;
  readonly from: number;
  readonly count: number;
}

/** What changes products of some rows, such as adapters that some sequences use. */
export type TapOfRows = (rows: readonly SequenceRows[]) => BlockTensors['tap'];

/** Logits `[B, V]` behind the last token of each sequence; those that begin come first. */
export function stepLogits(
  model: Model,
  cache: PagedCache,
  sequences: readonly Sequence[],
  tapOf?: TapOfRows,
): Tensor {
  const { config } = model;
  const ids = sequences.flatMap((sequence) => sequence.ids);
  const rows = rowsOf(sequences);
  const context = stepContext(model, cache, sequences);
  const tap = tapOf?.(rows);
  const tensors = { ...tensorsOf(model, new Map(), null), ...(tap === undefined ? {} : { tap }) };
  let x = withLayer(model, 'embedding', 0, () => embed(model, indices(ids)));
  for (let layer = 0; layer < config.L; layer += 1) {
    const run = (): Tensor => scope(() => block(config, layer, tensors, x, context));
    const next = withLayer(model, layer, layerAfter(config, layer), run, true);
    x.dispose();
    x = next;
  }
  const last = rows.map(({ from, count }) => from + count - 1);
  return withLayer(model, 'head', null, () => {
    const rows = ops.indexSelect(x, 0, indices(last));
    return headLogits(model, finalNorm(model, rows));
  });
}

function rowsOf(sequences: readonly Sequence[]): readonly SequenceRows[] {
  let from = 0;
  return sequences.map((sequence) => {
    const rows = { sequence, from, count: sequence.ids.length };
    from += rows.count;
    return rows;
  });
}
