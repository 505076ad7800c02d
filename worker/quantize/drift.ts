// What is known of the inputs of a layer in two models: those of the blocks before it as they are
// quantized, X, and of the trained ones, X + D. With E = W' - W, what the layer is off by is
//   || X W'^T - (X + D) W^T ||^2  =  tr E H E^T - 2 tr E A^T + what does not depend on W'
//   H = X^T X     A = W D^T X
// so two matrices stand for all tokens, and where nothing is quantized yet, A is zero.
import { addGram_, completeGram_, wideOf } from '../methods/optimizers/subspace.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { type Tensor, toArray } from '../tensor/tensor.ts';

export interface Drift {
  /** `H [I, I]`, float32 for inputs of float32 or bfloat16. */
  readonly gram: Tensor;
  /** `X^T D [I, I]` */
  readonly cross: Tensor;
}

export class DriftSums implements Disposable {
  readonly #gram: Tensor;
  readonly #cross: Tensor;

  constructor(x: Tensor) {
    const size = x.shape[1] ?? 0;
    const zeros = (): Tensor => keep(ops.zeros([size, size], { dtype: wideOf(x) }));
    [this.#gram, this.#cross] = [zeros(), zeros()];
  }

  /** The same tokens in both models, `[T, I]`. */
  add(x: Tensor, exact: Tensor): void {
    if ((x.shape[0] ?? 0) === 0) return;
    scope(() => {
      addGram_(this.#gram, x);
      const wide = ops.to(x, wideOf(x));
      const off = ops.sub(ops.to(exact, wideOf(x)), wide);
      ops.linearDw_(this.#cross, wide, off);
    });
  }

  get whole(): Drift {
    completeGram_(this.#gram);
    return { gram: this.#gram, cross: this.#cross };
  }

  [Symbol.dispose](): void {
    this.#gram.dispose();
    this.#cross.dispose();
  }
}

/** `A [O, I]` of `weight [O, I]`. */
export function aimOf(weight: Tensor, { cross }: Drift): Tensor {
  return ops.linear(weight, cross);
}

/** What depends on `E`, for its `A`. */
export function lossOf(E: Tensor, gram: Tensor, aim: Tensor): number {
  return scope(() => {
    const [seen, aimed] = [ops.mul(ops.linear(E, gram), E), ops.mul(E, aim)];
    return total(seen) - 2 * total(aimed);
  });
}

/** Row by row: a sum of all values at once depends on the number of threads. */
export function total(x: Tensor): number {
  return scope(() => toArray(ops.sumDim(x, [1])).reduce((sum, row) => sum + row, 0));
}
