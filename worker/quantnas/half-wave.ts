// Half-wave Gaussian quantization of what a convolution reads (HWGQ, Cai et al. 2017): negative
// values are 0, others on a grid that loses least of a standard normal distribution, up to its last
// value. Gradients pass straight through rounding, and not where values are cut.
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Width } from './space.ts';

/** Steps by width, as in the code of QuantNAS. */
const steps: Readonly<Record<Width, number>> = {
  2: 0.6356366866203315,
  3: 0.3720645813370479,
  4: 0.21305606790772952,
  8: 0.020300567823662602,
};

export function halfWaveStep(bits: Width): number {
  return steps[bits];
}

/** Without rounding: what is cut is cut. */
export function halfWaveCut(x: Tensor, bits: Width): Tensor {
  return ops.clamp(x, 0, steps[bits] * (2 ** bits - 1));
}

/** `x` of any shape on the grid, in its type. */
export function halfWave(x: Tensor, bits: Width): Tensor {
  const step = steps[bits];
  const cut = halfWaveCut(x, bits);
  const own = ops.detach(cut);
  const rounded = ops.mulScalar(ops.round(ops.divScalar(own, step)), step);
  return ops.add(cut, ops.sub(rounded, own));
}
