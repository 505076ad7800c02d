// GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers (Frantar et al.
// 2023): columns are rounded one after the other, and what each is off by is made up for in those
// to its right.
//
//   H = X^T X / T + damping * mean(diag) I     U: upper Cholesky factor of H^-1
//   for each column j:  q_j = code(w_j)    e = (w_j - w'_j) / U_jj    w_k <- w_k - e U_jk, k > j
//
// Steps and zeros are fixed before the first column, so groups are those of plain rounding, and
// with H = I the codes are its codes. An input that is zero in all tokens has no influence and is
// rounded by itself. Shapes: W [O, I], X [T, I].

import { codeRange, type IntegerGrid, type Steps } from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, onDevice, type Tensor } from '../tensor/tensor.ts';
import { byOneThread } from '../tensor/threads.ts';

/**
 * `U [I, I]`, float32, on the host, for `gram [I, I]` = X^T X of any scale. Damping is raised where
 * the Gram matrix is too close to singular.
 */
export function inverseFactor(inputs: Tensor, damping = 0.01): Tensor {
  return scope(() => {
    const gram = onDevice(inputs, 'cpu');
    const diagonal = ops.to(ops.diagonal(gram), 'float64');
    const mean = item(ops.mean(diagonal)) || 1;
    const dead = ops.to(ops.eqScalar(diagonal, 0), 'float64');
    for (let more = damping; ; more *= 10) {
      const found = upperFactor(gram, ops.addScalar(dead, more * mean));
      if (found !== null) return ops.contiguous(ops.to(found, 'float32'));
      if (more > largestDamping) throw new RangeError('the Gram matrix has no inverse');
    }
  }, 'cpu');
}

const largestDamping = 1e3;

/**
 * In float64, of which three matrices exist at a time; null where `gram` with this added to its
 * diagonal is not positive definite.
 */
function upperFactor(gram: Tensor, added: Tensor): Tensor | null {
  return byOneThread(() => {
    const inverse = scope(() => {
      const L = scope(() => {
        const H = ops.to(gram, 'float64', false, true);
        ops.add_(ops.diagonal(H), added);
        const [factor, failed] = ops.linalgCholesky(H);
        return item(failed) === 0 ? factor : null;
      });
      return L === null ? null : ops.choleskyInverse(L);
    });
    if (inverse === null) return null;
    const [U, failed] = ops.linalgCholesky(inverse, { upper: true });
    inverse.dispose();
    return item(failed) === 0 ? U : null;
  });
}

/** The codes of `weight`, float32, counted from the least code of the grid: uint8 `[O, I]`. */
export function gptqCodes(weight: Tensor, U: Tensor, steps: Steps, grid: IntegerGrid): Tensor {
  const [rows = 0, columns = 0] = weight.shape;
  const [low, high] = codeRange(grid);
  const group = grid.groupSize ?? columns;
  const result = ops.empty([rows, columns], { dtype: 'uint8' });
  scope(() => {
    const rest = ops.clone(weight);
    const { scale } = steps;
    const zero = steps.zero ?? ops.zerosLike(scale);
    const zeros = ops.addScalar(zero, -low);
    for (let first = 0; first < columns; first += columnsAtOnce) {
      scope(() => {
        const count = Math.min(columnsAtOnce, columns - first);
        const errors = ops.gptqSweep(
          ...([rest, result, scale, zeros, U] as const),
          ...([first, count, group, high - low] as const),
        );
        const beyond = columns - first - count;
        if (beyond === 0) return;
        const after = ops.narrow(rest, 1, first + count, beyond);
        const factors = ops.narrow(ops.narrow(U, 0, first, count), 1, first + count, beyond);
        ops.linearDw_(after, ops.t(errors), factors, { alpha: -1 });
      });
    }
  });
  return result;
}

/** As the kernel allows. */
const columnsAtOnce = 128;
