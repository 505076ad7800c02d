// The Gram matrix of an input of linear layers, X^T X summed over tokens.
import { addGram_, completeGram_, wideOf } from '../methods/optimizers/subspace.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

export class InputGram implements Disposable {
  /** The upper half, summed in float32 at least. */
  readonly #sum: Tensor;

  constructor(x: Tensor) {
    const size = x.shape[1] ?? 0;
    this.#sum = keep(ops.zeros([size, size], { dtype: wideOf(x) }));
  }

  add(x: Tensor): void {
    scope(() => addGram_(this.#sum, x));
  }

  /** `[I, I]`, both halves, in float32 for inputs of float32 or bfloat16. */
  get whole(): Tensor {
    completeGram_(this.#sum);
    return this.#sum;
  }

  [Symbol.dispose](): void {
    this.#sum.dispose();
  }
}
