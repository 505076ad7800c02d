// Where the object is: the last norm of the tokens of the search picture, and of each of them two
// heads, of which one says how well the box of the other fits.
//
// Shapes: N documents · s x s patches of a search picture · H hidden size
import type { PackedSequence } from '../engine/packed-sequence.ts';
import { layerNormAt } from '../nn/layer-norm.ts';
import { asType } from '../tensor/as-type.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { outletNames } from '../vision/names.ts';
import type { TrackingConfig } from './config.ts';
import { headLayers, type heads, layerPath } from './names.ts';
import { documentsIn, inputOf } from './pictures.ts';

type Value = (name: string) => Tensor;

/**
 * What the heads read, by `x [T, H]`, the stream after the last block: `[N s s, H]` in float32
 * (float64 for a float64 model).
 */
export function searchStates(
  { H, trunk, contextLength, searchSide }: TrackingConfig,
  x: Tensor,
  sequence: PackedSequence,
  value: Value,
): Tensor {
  const count = documentsIn(sequence);
  const all = ops.view(ops.narrow(x, 0, 0, count * contextLength), [count, contextLength, H]);
  const own = ops.narrow(all, 1, contextLength - searchSide ** 2, searchSide ** 2);
  const rows = ops.reshape(own, [count * searchSide ** 2, H]);
  const normed = layerNormAt(outletNames(trunk).norm, trunk.normEps, value, rows);
  return asType(normed, exactType(x.dtype));
}

/** `[N s s, 5]` of states: a score, whose sigmoid is a share, and four values of a box. */
export function headOutputs(states: Tensor, value: Value): Tensor {
  return ops.cat([mlp('score', states, value), mlp('box', states, value)], 1);
}

function mlp(head: keyof typeof heads, states: Tensor, value: Value): Tensor {
  let y = states;
  for (let layer = 0; layer < headLayers; layer += 1) {
    const path = layerPath(head, layer);
    const of = (name: string): Tensor => asType(value(`${path}.${name}`), y.dtype);
    y = ops.linear(layer === 0 ? y : ops.gelu(y), of('weight'), of('bias'));
  }
  return y;
}

interface Found {
  /** `[N s s]` */
  readonly scores: Tensor;
  /** `[N s s, 4]`, in parts of the search picture. */
  readonly boxes: Tensor;
}

/** A box reaches up to the size of the picture from the middle of its patch, to each side. */
export function foundIn(sequence: PackedSequence, outputs: Tensor): Found {
  const count = documentsIn(sequence);
  const centres = inputOf(sequence, 'centres');
  const each = centres.shape[1] ?? 0;
  const away = ops.reshape(ops.sigmoid(ops.narrow(outputs, 1, 1, 4)), [count, each, 4]);
  const towards = tensor([-1, -1, 1, 1], [1, 1, 4], outputs.dtype);
  const boxes = ops.add(centres, ops.mul(away, towards));
  return { scores: ops.select(outputs, 1, 0), boxes: ops.reshape(boxes, [count * each, 4]) };
}
