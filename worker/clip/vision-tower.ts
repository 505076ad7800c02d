// What the tower of pictures computes beside its blocks: what precedes them, and the state of a
// picture.
//
// Shapes: N pictures · n tokens of one · H hidden size
import { Bug } from '../../crds/failures/errors.ts';
import type { Model } from '../engine/model.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import type { BlockTensors } from '../nn/block-tensors.ts';
import { layerNormAt } from '../nn/layer-norm.ts';
import type { Attend } from '../nn/self-attention.ts';
import { asType } from '../tensor/as-type.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { visionBlock } from '../vision/block.ts';
import type { VisionConfig } from '../vision/config.ts';
import { entered as enteredDino } from '../vision/inlet.ts';
import { outletNames } from '../vision/names.ts';
import { clipBlock } from './block.ts';
import type { ClipConfig, VisionTower } from './config.ts';
import { visionNamesOfClip as names } from './names.ts';

type Value = (name: string) => Tensor;

interface VisionTowerParts {
  /** The stream before the first block, `[T, H]`; zeros for padding, behind the pictures. */
  entered(model: Pick<Model, 'dtype'>, sequence: PackedSequence, value: Value): Tensor;
  block(layer: number, tensors: BlockTensors, x: Tensor, attend: Attend): Tensor;
  /** `x [N, H]`, the stream at the first tokens of pictures, to what is projected: `[N, H]`. */
  pooled(x: Tensor, value: Value): Tensor;
}

export function visionTower({ vision }: Pick<ClipConfig, 'vision'>): VisionTowerParts {
  return vision.kind === 'clip' ? ofClip(vision) : ofDino(vision);
}

function ofClip(tower: Extract<VisionTower, { kind: 'clip' }>): VisionTowerParts {
  return {
    entered: ({ dtype }, sequence, value) => entered(tower, dtype, sequence, value),
    block: (layer, tensors, x, attend) => clipBlock(tower, layer, tensors, x, attend),
    pooled: (x, value) => layerNormAt(names.last, tower.normEps, value, x),
  };
}

function ofDino(config: VisionConfig): VisionTowerParts {
  const { norm } = outletNames(config);
  return {
    entered: ({ dtype }, sequence, value) => enteredDino({ config, dtype }, sequence, value),
    block: (layer, tensors, x, attend) => visionBlock(config, layer, tensors, x, attend),
    pooled: (x, value) => layerNormAt(norm, config.normEps, value, x),
  };
}

function entered(
  { H, side, normEps }: Extract<VisionTower, { kind: 'clip' }>,
  dtype: Model['dtype'],
  { inputs: { patches, down }, tokens }: PackedSequence,
  value: Value,
): Tensor {
  if (patches === undefined) throw new Bug('a sequence has no patches');
  // Positions are those of one size of pictures, as in transformers.
  if (down !== undefined) throw new Bug(`pictures have another grid than ${side} x ${side}`);
  return scope(() => {
    const [count = 0, , , values = 0] = patches.shape;
    const length = side * side + 1;
    const inType = (name: string): Tensor => asType(value(name), dtype);
    const flat = ops.view(patches, [count * side * side, values]);
    const embedded = ops.linear(flat, ops.view(inType(names.patches), [H, values]));
    const ofClass = ops.expand(ops.view(inType(names.ofClass), [1, 1, H]), [count, 1, H]);
    const all = ops.cat([ofClass, ops.view(embedded, [count, side * side, H])], 1);
    const x = ops.add(all, inType(names.positions));
    const normed = layerNormAt(names.first, normEps, value, ops.reshape(x, [count * length, H]));
    const padding = tokens - count * length;
    if (padding < 0) throw new Bug(`${count} pictures have ${length} tokens each, and too few`);
    return padding === 0 ? normed : ops.cat([normed, ops.zeros([padding, H], { dtype })], 0);
  });
}
