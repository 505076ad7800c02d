// One pass of the model for all lanes of a batch: their next logits.
import { block } from '../decoder/block.ts';
import { decoderConfig } from '../decoder/config.ts';
import { embed } from '../decoder/embedding.ts';
import { finalNorm, headLogits } from '../decoder/head.ts';
import { type Model, tensorsOf } from '../engine/model.ts';
import { layerAfter, withLayer } from '../engine/weights.ts';
import type { BlockTensors } from '../nn/block-tensors.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { indices, type Tensor } from '../tensor/tensor.ts';
import type { PagedCache } from './paged-cache.ts';
import type { Lane } from './sequence.ts';
import { stepContext } from './step-context.ts';

/** Rows of one lane after the other: who has which. */
interface LaneRows {
  readonly lane: Lane;
  readonly from: number;
  readonly count: number;
}

/** What changes products of some rows, such as adapters that some lanes use. */
export type TapOfRows = (rows: readonly LaneRows[]) => BlockTensors['tap'];

/** Told the last hidden states `[T, H]` of a prompt of T tokens, while the head is there. */
export type ReadPrompt = (lane: Lane, x: Tensor) => void;

/** Logits `[B, V]` behind the last token of each lane; those that begin come first. */
export function stepLogits(
  model: Model,
  cache: PagedCache,
  lanes: readonly Lane[],
  tapOf?: TapOfRows,
  readPrompt?: ReadPrompt,
): Tensor {
  const { places } = model;
  const config = decoderConfig(model.config);
  const ids = lanes.flatMap((lane) => lane.ids);
  const rows = rowsOf(lanes);
  const context = stepContext(model, cache, lanes);
  const tap = tapOf?.(rows);
  const tensors = { ...tensorsOf(model, new Map(), null), ...(tap === undefined ? {} : { tap }) };
  let x = withLayer(model, places.inlet, 0, () => embed(model, indices(ids)));
  for (let layer = 0; layer < config.L; layer += 1) {
    const run = (): Tensor => scope(() => block(config, layer, tensors, x, context));
    const next = withLayer(model, layer, layerAfter(places, layer), run, true);
    x.dispose();
    x = next;
  }
  const last = rows.map(({ from, count }) => from + count - 1);
  return withLayer(model, places.outlet, null, () => {
    for (const { lane, from, count } of rows) {
      if (lane.cached > 0) break;
      readPrompt?.(lane, ops.narrow(x, 0, from, count));
    }
    const ends = ops.indexSelect(x, 0, indices(last));
    return headLogits(model, finalNorm(model, ends));
  });
}

function rowsOf(lanes: readonly Lane[]): readonly LaneRows[] {
  let from = 0;
  return lanes.map((lane) => {
    const rows = { lane, from, count: lane.ids.length };
    from += rows.count;
    return rows;
  });
}
