// ALLoRA: Adaptive Learning Rate Mitigates LoRA Fatal Flaws (Huang & Balestriero 2024).
//
// Around any optimizer, for the matrices of an adapter: with w a row before the update and u what
// the optimizer would change,
//   w ← w + u / sqrt(|w| + 1 / η²)
// so a row of zeros moves η times as far, and a long one less far. A reconstruction: the paper says
// that gradients are scaled, which Adam divides out again where the factor stays the same, so this
// scales what the optimizer changes, decay with it. Rows are whole: a matrix has one owner among
// several workers. Vectors, and tensors that are no adapter's, are updated as ever.
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';

/** `eta` is η: the factor on a row of zeros. */
export function withRowRates(inner: Optimizer, eta: number): Optimizer {
  return {
    ...inner,
    update(value, gradient, state, step) {
      if (value.shape.length !== 2) return inner.update(value, gradient, state, step);
      scope(() => {
        const before = ops.clone(value);
        inner.update(value, gradient, state, step);
        const change = ops.mul(ops.sub(value, before), rowRates(before, eta));
        ops.copy_(value, ops.add_(before, change));
      });
    },
  };
}

/** Factor of each row of `w [rows, columns]`: `[rows, 1]`. */
export function rowRates(w: Tensor, eta: number): Tensor {
  const norms = ops.linalgVectorNorm(w, 2, [1], true);
  return ops.rsqrt(ops.addScalar(norms, 1 / eta ** 2));
}
