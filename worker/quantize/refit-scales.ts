// The scales with which fixed codes come nearest to a layer's outputs, in closed form.
//
//   minimise  tr (W' - W) H (W' - W)^T    W' = (q - z) s,  s one number for each group of a row
//
// With D = q - z, each row has a system of as many equations as it has groups:
//   A s = b      A_jk = D_j H_jk D_k^T     b_j = D_j (H W^T)_j
// where index j means the columns of group j; in place of W H another aim may stand. The trained
// scales of PEQA (Kim et al. 2023) with the outputs of the layer in place of labels; no step size,
// no iterations. H = X^T X, of any scale.
import { asBfloat16 } from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { byOneThread } from '../tensor/threads.ts';
import { isFloat, type RoundingGrid } from './rounding-grid.ts';

interface Fixed {
  /** `q - z`, `[O, I]`. */
  readonly steps: Tensor;
  /** The scales of before, `[O, groups]`: kept where the equations give none above zero. */
  readonly scale: Tensor;
  readonly grid: RoundingGrid;
}

/**
 * The scales `[O, groups]`, of which `rounded` makes those that a file can have, for `aim [O, I]`
 * and `gram [I, I]`; float32.
 */
export function refittedScales(
  aim: Tensor,
  gram: Tensor,
  { steps, scale, grid }: Fixed,
  rounded: (scale: Tensor) => Tensor = asBfloat16,
): Tensor {
  const [rows = 0, columns = 0] = aim.shape;
  const size = grid.groupSize ?? columns;
  const groups = columns / size;
  return scope(() => {
    // The aim of a row, read at its own steps, is b.
    const b = inGroups(ops.mul(aim, steps), size);
    const A = ops.stack(
      Array.from({ length: groups }, (_, k) =>
        scope(() => {
          const own = ops.contiguous(ops.narrow(steps, 1, k * size, size));
          const seen = ops.linear(own, ops.contiguous(ops.t(ops.narrow(gram, 0, k * size, size))));
          return inGroups(ops.mul_(seen, steps), size);
        }),
      ),
      2,
    );
    const found = solved(ops.to(A, 'float64'), ops.to(b, 'float64'), [rows, groups]);
    const least = isFloat(grid) ? 0 : (grid.least?.scale ?? 0);
    const isScale = ops.mul(ops.gtScalar(found, least), ops.isfinite(found));
    return ops.where(isScale, rounded(ops.to(found, scale.dtype)), scale);
  });
}

/** Sums within groups: `[O, groups]`. */
function inGroups(x: Tensor, size: number): Tensor {
  const [rows = 0, columns = 0] = x.shape;
  return ops.sumDim(ops.view(x, [rows, columns / size, size]), [2]);
}

/** `A [O, G, G]` symmetric; a millionth of its mean diagonal keeps groups without codes apart. */
function solved(A: Tensor, b: Tensor, [rows = 0, groups = 0]: readonly number[]): Tensor {
  const diagonal = ops.diagonal(A, 0, 1, 2);
  const ridge = ops.addScalar(ops.mulScalar(ops.meanDim(diagonal, [1], true), 1e-6), 1e-30);
  const regular = ops.clone(A);
  ops.add_(ops.diagonal(regular, 0, 1, 2), ops.expand(ridge, [rows, groups]));
  return byOneThread(() => {
    const [L] = ops.linalgCholesky(regular);
    const half = ops.linalgSolveTriangular(L, ops.unsqueeze(b, 2), { upper: false });
    const whole = ops.linalgSolveTriangular(ops.transpose(L, 1, 2), half, { upper: true });
    return ops.select(whole, 2, 0);
  });
}
