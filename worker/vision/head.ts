// The classes of pictures: the last norm, what the head reads of each picture, and its logits.
import type { Model } from '../engine/model.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import { classLoss } from '../nn/class-loss.ts';
import { layerNormAt } from '../nn/layer-norm.ts';
import { asType } from '../tensor/as-type.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type VisionConfig, visionConfig } from './config.ts';
import { visionFamilies } from './families.ts';
import { picturesIn } from './inlet.ts';
import { outletNames } from './names.ts';

type Value = (name: string) => Tensor;

/**
 * What the head reads of each target picture, by `x [T, H]`, the stream after the last block: the
 * token of its class, and in DINOv2 the mean of its patches behind it. `[pictures, H or 2 H]` in
 * float32 (float64 for a float64 model).
 */
export function pictureStates(
  config: VisionConfig,
  x: Tensor,
  sequence: PackedSequence,
  value: Value,
): Tensor {
  const { prefix, readsPatches } = visionFamilies[config.family];
  const normed = (stream: Tensor): Tensor =>
    layerNormAt(outletNames(config).norm, config.normEps, value, stream);
  const type = exactType(x.dtype);
  const { rows } = sequence;
  if (!readsPatches) return asType(normed(ops.indexSelect(x, 0, rows)), type);
  const { count, length } = picturesIn(config, sequence);
  const all = ops.view(ops.narrow(x, 0, 0, count * length), [count, length, config.H]);
  // The label of a picture is that of its first token.
  const targets = ops.divScalarMode(rows, length, { roundingMode: 'floor' });
  const states = normed(ops.indexSelect(all, 0, targets));
  const patches = ops.narrow(states, 1, prefix.length, length - prefix.length);
  const mean = ops.meanDim(patches, [1], false, { dtype: type });
  return ops.cat([asType(ops.select(states, 1, 0), type), mean], 1);
}

/** Logits of the classes, `[pictures, labels]`, in the type of their states. */
export function classLogits(config: VisionConfig, states: Tensor, value: Value): Tensor {
  const path = outletNames(config).classes;
  const of = (name: string): Tensor => asType(value(`${path}.${name}`), states.dtype);
  return ops.linear(states, of('weight'), of('bias'));
}

/** Logs of their probabilities. */
export function classLogs(
  config: VisionConfig,
  x: Tensor,
  sequence: PackedSequence,
  value: Value,
): Tensor {
  return ops.logSoftmax(classLogits(config, pictureStates(config, x, sequence, value), value), -1);
}

/** Loss of the target pictures, by `x [T, H]`, the stream after the last block. */
export function headLoss(model: Model, x: Tensor, sequence: PackedSequence) {
  return scope(() => {
    const { parameters, config } = model;
    const value = (name: string): Tensor => parameters.value(name);
    const logs = classLogs(visionConfig(config), x, sequence, value);
    const { rows, sums } = classLoss(logs, sequence.labels);
    return { rows, ...sums };
  });
}
