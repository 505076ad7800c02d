// Adaptive layer norm: scale and shift of each picture, made of its time step and class. Peebles &
// Xie 2023, section 3.2.
//
// Shapes: P pictures · n patches of each · T = P n tokens · H hidden size
import { plainLayerNorm } from '../nn/layer-norm.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Of all norms without an epsilon in `config.json`. */
export const plainEps = 1e-6;

/** `[P, parts * H]` as parts `[P, 1, H]`, for the tokens of each picture. */
export function partsOf(modulation: Tensor, parts: number): readonly Tensor[] {
  return ops.chunk(ops.unsqueeze(modulation, 1), parts, 2);
}

/** `LN(x) * (1 + scale) + shift` of `x [T, H]`, by `scale` and `shift` `[P, 1, H]`. */
export function modulated(
  x: Tensor,
  {
    shift,
    scale,
    epsilon,
  }: { readonly shift: Tensor; readonly scale: Tensor; readonly epsilon: number },
): Tensor {
  const normed = byPicture(plainLayerNorm(x, epsilon), shift);
  return ops.view(ops.addcmul(shift, normed, ops.addScalar(scale, 1)), x.shape);
}

/** `x + gate * y`, of `[T, H]` both, by `gate [P, 1, H]`. */
export function gatedSum(x: Tensor, gate: Tensor, y: Tensor): Tensor {
  return ops.view(ops.addcmul(byPicture(x, gate), gate, byPicture(y, gate)), x.shape);
}

function byPicture(x: Tensor, like: Tensor): Tensor {
  const [pictures = 1] = like.shape;
  const [T = 0, H = 0] = x.shape;
  return ops.view(x, [pictures, T / pictures, H]);
}
