// The covariance of an input of linear layers, summed over tokens, and the directions in which it
// varies most. Inputs are taken relative to the mean of the first sequence, so that sums in float32
// lose nothing to a mean that is far larger than what varies.
import { addGram_, completeGram_, subspaceFinder, wideOf } from '../methods/optimizers/subspace.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { onDevice, type Tensor, toArray } from '../tensor/tensor.ts';

/** The first directions of an input, and the share of its variance that each explains. */
export interface Directions {
  /** Orthonormal rows `[q, I]`, on the host. */
  readonly rows: Tensor;
  readonly shares: readonly number[];
  /** Of all tokens, one row each, relative to their mean: they grow with the number of tokens. */
  readonly singularValues: readonly number[];
}

export class InputSums implements Disposable {
  /** `sum (x - shift)^T (x - shift)`, its upper half, and `sum (x - shift)`. */
  readonly #gram: Tensor;
  readonly #total: Tensor;
  #shift: Tensor | null = null;
  #count = 0;

  constructor(x: Tensor) {
    const dtype = wideOf(x);
    const size = x.shape[1] ?? 0;
    this.#gram = keep(ops.zeros([size, size], { dtype }));
    this.#total = keep(ops.zeros([1, size], { dtype }));
  }

  add(x: Tensor, rows: Tensor | null): void {
    const tokens = rows === null ? (x.shape[0] ?? 0) : rows.numel;
    if (tokens === 0) return;
    scope(() => {
      const wide = ops.to(rows === null ? x : ops.indexSelect(x, 0, rows), wideOf(x));
      const ones = ops.fullLike(ops.narrow(wide, 1, 0, 1), 1);
      this.#shift ??= keep(
        ops.divScalar(ops.linearDw_(ops.zerosLike(this.#total), ones, wide), tokens),
      );
      const moved = ops.sub(wide, this.#shift);
      addGram_(this.#gram, moved);
      ops.linearDw_(this.#total, ones, moved);
    });
    this.#count += tokens;
  }

  /** The first `most` directions; their rows belong to the caller's scope. */
  directions(most: number, how: 'Exact' | 'Sketched'): Directions {
    return scope(() => {
      const dtype = this.#gram.dtype;
      const C = this.#covariance();
      const count = Math.min(most, C.shape[0] ?? 0);
      const V = ops.to(subspaceFinder(how)(C, count), 'float64');
      const within = ops.linear(ops.contiguous(ops.t(V)), ops.t(ops.linear(C, ops.t(V))));
      const variance = toArray(ops.diagonal(C)).reduce((sum, each) => sum + each, 0);
      const along = toArray(ops.diagonal(within)).map((each) => Math.max(0, each));
      return {
        rows: ops.to(ops.contiguous(ops.t(V)), dtype),
        shares: along.map((each) => (variance > 0 ? each / variance : 0)),
        singularValues: along.map((each) => Math.sqrt(each * this.#count)),
      };
    }, 'cpu');
  }

  /** In float64, on the host. */
  #covariance(): Tensor {
    const host = (t: Tensor) => ops.divScalar(ops.to(onDevice(t, 'cpu'), 'float64'), this.#count);
    const C = host(this.#gram);
    completeGram_(C);
    const mean = host(this.#total);
    return ops.linearDw_(C, mean, mean, { alpha: -1 });
  }

  [Symbol.dispose](): void {
    for (const each of [this.#gram, this.#total, this.#shift]) each?.dispose();
  }
}
