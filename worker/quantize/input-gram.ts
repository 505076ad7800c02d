// The Gram matrix of an input of linear layers, X^T X summed over tokens.
import { addGram_, completeGram_, wideOf } from '../methods/optimizers/subspace.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type InputGrid, roundedTokens } from './rounded-inputs.ts';

export class InputGram implements Disposable {
  /** The upper half, summed in float32 at least. */
  readonly #sum: Tensor;
  readonly #rounded: InputGrid | null;

  /** Of inputs like `x`, as products read them. */
  constructor(x: Tensor, rounded: InputGrid | null = null) {
    this.#rounded = rounded;
    const size = x.shape[1] ?? 0;
    this.#sum = keep(ops.zeros([size, size], { dtype: wideOf(x) }));
  }

  add(x: Tensor): void {
    const grid = this.#rounded;
    scope(() => addGram_(this.#sum, grid === null ? x : roundedTokens(x, grid)));
  }

  /** `[I, I]`, both halves, in float32 for inputs of float32 or bfloat16. */
  get whole(): Tensor {
    scope(() => completeGram_(this.#sum));
    return this.#sum;
  }

  [Symbol.dispose](): void {
    this.#sum.dispose();
  }
}
