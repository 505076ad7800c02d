// Sums of squares of each input column of linear layers: what a column counts for.
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** By path of the layer: `[I]`, float64. */
export class InputSquares implements Disposable {
  readonly #byPath = new Map<string, Tensor>();

  add(path: string, input: Tensor): void {
    const sums =
      this.#byPath.get(path) ?? keep(ops.zeros([input.shape.at(-1) ?? 0], { dtype: 'float64' }));
    this.#byPath.set(path, sums);
    scope(() => ops.add_(sums, ops.sumDim(ops.square(ops.to(input, 'float64')), [0])));
  }

  /** Those of some layers, in the order in which they came. */
  of(layers: readonly Pick<LinearLayer, 'path'>[]): readonly (readonly [string, Tensor])[] {
    const paths = new Set(layers.map(({ path }) => path));
    return [...this.#byPath].filter(([path]) => paths.has(path));
  }

  [Symbol.dispose](): void {
    for (const sums of this.#byPath.values()) sums.dispose();
    this.#byPath.clear();
  }
}
