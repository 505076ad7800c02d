// How far rounding alone may change an artefact's logits. No formula bounds the logits of a deep
// network: a few of its activations are a thousand times larger than the rest, and a unit in their
// last place changes single logits a lot. So it is measured: each weight is changed by one unit in
// its last place, up or down at random, and the resulting divergence is the bound. Rounding changes
// a weight by at most half a unit, 0.29 in the root mean square, and divergence grows with the
// square of the change, so a rounded artefact stays about ten times below the bound; a lost,
// swapped or scaled weight does not.
import type { Model } from '../engine/model.ts';
import { type DType, dtypeEpsilon, exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { uniform } from '../tensor/rng.ts';
import { keep, scope } from '../tensor/scope.ts';
import { streamOf } from '../tensor/streams.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkLogits, compareLogits, givesValues } from './reload-check.ts';

/** The type of the matrices in a file. */
export type StoredType = Extract<DType, 'float32' | 'float16' | 'bfloat16'> | 'Q8_0';

/**
 * A linear layer with an adapter adds its products in another order than the merged one: a few
 * units of float32 sums.
 */
const sumUnits = 8;
const q8Values = 32;

/**
 * The largest divergence that rounding these tensors to `stored` explains. Changes the weights of
 * `model`, whose logits are `logits`.
 */
export function roundingDivergence(
  model: Model,
  logits: Tensor,
  stored: StoredType,
  isRounded: (name: string) => boolean = () => true,
): number {
  for (const { name, value } of model.parameters.all()) {
    if (isRounded(name)) move_(value, name, unitOf(model, stored), stored === 'Q8_0');
  }
  using after = keep(checkLogits(model));
  return compareLogits(logits, after, givesValues(model)).klDivergence;
}

/** Of the coarser type of a weight: that of the file, or that of the model. */
function unitOf({ dtype }: Model, stored: StoredType): number {
  const inFile = stored === 'Q8_0' ? 0 : dtypeEpsilon(stored);
  return Math.max(inFile, dtypeEpsilon(dtype)) + sumUnits * dtypeEpsilon('float32');
}

/** In panels of rows: a float32 copy of an embedding would be as large as the model. */
function move_(value: Tensor, name: string, unit: number, inBlocks: boolean): void {
  const [rows = 0] = value.shape;
  const atOnce = Math.max(1, Math.floor((rows * valuesAtOnce) / Math.max(1, value.numel)));
  for (let start = 0; start < rows; start += atOnce) {
    scope(() => {
      const part = ops.narrow(value, 0, start, Math.min(atOnce, rows - start));
      ops.copy_(part, moved(part, `${name}#${start}`, unit, inBlocks));
    });
  }
}

const valuesAtOnce = 2 ** 20;

function moved(value: Tensor, name: string, unit: number, inBlocks: boolean): Tensor {
  const wide = ops.to(value, exactType(value.dtype));
  const sign = ops.sign(uniform(value.shape, -1, 1, streamOf(0, 'rounding', name), wide.dtype));
  const ownUnit = ops.mulScalar(ops.abs(wide), unit);
  const rows = value.shape.length === 2 ? (value.shape[1] ?? 0) : 0;
  const hasBlocks = inBlocks && rows > 0 && rows % q8Values === 0;
  const step = hasBlocks ? ops.add(ownUnit, blockSteps(wide)) : ownUnit;
  return ops.add(wide, ops.mul(sign, step));
}

/** Q8_0 has one step for 32 values, 1/127 of the largest. */
function blockSteps(wide: Tensor): Tensor {
  const largest = ops.amax(ops.abs(ops.view(wide, [-1, q8Values])), [1], true);
  const steps = ops.divScalar(ops.expand(largest, [-1, q8Values]), 127);
  return ops.view(ops.contiguous(steps), wide.shape);
}
