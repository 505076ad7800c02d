// What follows the blocks: the noise that the model finds in each patch, and its distance from the
// noise that is there.
//
// Shapes: P pictures · n patches of each · C channels · p pixels of a side of a patch
import type { LossSums, SequenceInputs } from '../engine/network.ts';
import { asType } from '../tensor/as-type.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { DiffusionConfig } from './config.ts';
import { inputAt } from './inlet.ts';
import { modulated, partsOf, plainEps } from './modulate.ts';
import { outletPaths } from './names.ts';

type Value = (name: string) => Tensor;

/** Normed rows `[P n, H]` that noise is computed of, by the stream `[P n, H]` and `c [P, H]`. */
export function outletStates(x: Tensor, c: Tensor, value: Value): Tensor {
  const path = outletPaths.modulation;
  const both = ops.linear(ops.silu(c), value(`${path}.weight`), value(`${path}.bias`));
  const [shift = c, scale = c] = partsOf(both, 2);
  return modulated(x, { shift, scale, epsilon: plainEps });
}

/**
 * The noise `[P n, p p C]`, in float32 at least. Of a model that gives a variance beside it, the
 * first half of the channels.
 */
export function noiseIn(config: DiffusionConfig, states: Tensor, value: Value): Tensor {
  const path = outletPaths.values;
  const [weight, bias] = [value(`${path}.weight`), value(`${path}.bias`)];
  const all = ops.linear(states, weight, bias);
  const found = config.hasVariance ? ops.indexSelect(all, 1, columnsOfNoise(config)) : all;
  return asType(found, exactType(found.dtype));
}

function columnsOfNoise({ channels, patch }: DiffusionConfig): Tensor {
  const columns = Array.from(
    { length: patch ** 2 * channels },
    (_, i) => Math.floor(i / channels) * 2 * channels + (i % channels),
  );
  return tensor(columns, [columns.length], 'int64');
}

/**
 * Of each picture the mean square of the difference from `noise`, `[P]`. Where the inputs have a
 * `guidance`, the second half of the pictures are the first without their classes, and what is
 * compared is what guidance makes of both: `[P / 2]`.
 */
export function noiseErrors(found: Tensor, inputs: SequenceInputs, pictures: number): Tensor {
  const { guidance } = inputs;
  const compared = guidance === undefined ? found : guided(found, guidance);
  const squares = ops.square(ops.sub(compared, inputAt(inputs, 'noise')));
  return ops.meanDim(
    ops.view(squares, [guidance === undefined ? pictures : pictures / 2, -1]),
    [1],
  );
}

/** `e_0 + w (e_y - e_0)` of `[2 P n, values]`, whose first half has the classes. */
export function guided(found: Tensor, guidance: Tensor): Tensor {
  const [own = found, any = found] = ops.chunk(found, 2, 0);
  return ops.add(any, ops.mul(ops.sub(own, any), ops.to(guidance, found.dtype)));
}

/** Names of the sums of the errors at a quarter of the time steps, and of how many are in it. */
export const quarterNames = [0, 1, 2, 3].map(
  (quarter) => [`errors of quarter ${quarter}`, `pictures of quarter ${quarter}`] as const,
);

/** Sums of the errors of pictures, all of them and by the quarter of their time steps. */
export function noiseSums(errors: Tensor, quarters: Tensor): LossSums {
  return scope(() => {
    const exact = ops.to(errors, 'float64');
    const byQuarter = quarterNames.flatMap(([error, pictures], quarter) => {
      const isIn = ops.to(ops.eqScalar(quarters, quarter), 'float64');
      return [
        [error, ops.sum(ops.mul(exact, isIn))],
        [pictures, ops.sum(isIn)],
      ] as const;
    });
    return { loss: ops.sum(exact), ...Object.fromEntries(byQuarter) };
  });
}
