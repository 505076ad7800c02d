// How much the loss depends on rows and columns of weights: squared gradients of training batches,
// summed over batches, estimate the diagonal of the Fisher information. Of it only the sums of rows
// and of columns are kept, two vectors for each layer. The model without the adapter, its weights
// as in their files, passes forward and backward.
import { Bug } from '../../crds/failures/errors.ts';
import type { Batch } from '../data/batch.ts';
import type { World } from '../engine/world.ts';
import type { Importance, LinearLayer } from '../methods/adapters/adapter.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { DenseGradients, type DenseModel } from './first-gradients.ts';

interface Measured extends DenseModel {
  readonly world: World;
  /** The global batch at a position, of which this rank has its sequences. */
  readonly batchAt: (position: number) => Batch;
}

export class SquaredGradients implements Disposable {
  readonly #of: Measured;
  readonly #dense: DenseGradients;
  /** Of all layers, one after the other: sums of rows, then of columns. */
  readonly #sums: Tensor;
  readonly #places = new Map<string, number>();

  constructor(of: Measured, layers: readonly LinearLayer[]) {
    let size = 0;
    for (const layer of layers) {
      this.#places.set(layer.path, size);
      size += layer.out + layer.in;
    }
    this.#of = of;
    this.#dense = new DenseGradients(of, layers);
    this.#sums = keep(scope(() => ops.zeros([size], { dtype: 'float32' }), 'cpu'));
  }

  /** Collective. */
  add(position: number): void {
    this.#dense.of(this.#of.batchAt(position), (layer, gradient) => {
      const { rows, columns } = this.of(layer);
      const G = ops.to(gradient, 'float32');
      const squares = ops.mul(G, G);
      ops.add_(rows, sumsOfRows(squares));
      ops.add_(columns, sumsOfRows(ops.contiguous(ops.t(squares))));
    });
  }

  /** Gives each rank the sums of all, and the memory of the model back. Collective. */
  finish(): void {
    // Each layer's gradient is whole at one rank alone: sums are exact.
    this.#of.world.sumTensor(this.#sums);
    this.#dense[Symbol.dispose]();
  }

  of({ path, out, in: inputs }: LinearLayer): Importance {
    const first = this.#places.get(path) ?? missing(path);
    return {
      rows: ops.narrow(this.#sums, 0, first, out),
      columns: ops.narrow(this.#sums, 0, first + out, inputs),
    };
  }

  [Symbol.dispose](): void {
    this.#dense[Symbol.dispose]();
    this.#sums.dispose();
  }
}

function missing(path: string): never {
  throw new Bug(`${path} has no squared gradients`);
}

/** By a product, which has the same bits for any number of threads. */
function sumsOfRows(matrix: Tensor): Tensor {
  const ones = ops.onesLike(ops.narrow(matrix, 0, 0, 1));
  return ops.reshape(ops.linear(ones, matrix), [matrix.shape[0] ?? 0]);
}
