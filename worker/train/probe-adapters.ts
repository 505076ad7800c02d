// Adapters that train beside the base model before the first step, for what is decided by them. The
// base passes forward and backward over training batches with weights that they change, each times
// a factor f of its layer; dense gradients of the changed weights are all that is read. With G that
// of layer l:
//   W_l + f_l B A      of A: sum over its layers of f_l B^T G      of B: f_l G A^T
// Every rank has all of them, and moves them by gradients summed over ranks.
import { Bug } from '../../crds/failures/errors.ts';
import type { Batch } from '../data/batch.ts';
import type { World } from '../engine/world.ts';
import type { LinearLayer, ProbeSettings } from '../methods/adapters/adapter.ts';
import { adamW } from '../methods/optimizers/adamw.ts';
import type { OptimizerState } from '../methods/optimizers/optimizer.ts';
import { denseOf } from '../methods/weights/weight-store.ts';
import * as ops from '../tensor/ops.generated.ts';
import { uniform } from '../tensor/rng.ts';
import { keep, scope } from '../tensor/scope.ts';
import { streamOf } from '../tensor/streams.ts';
import { onDevice, type Tensor, toArray } from '../tensor/tensor.ts';
import { DenseGradients, type DenseModel } from './first-gradients.ts';

export interface Probed extends DenseModel {
  readonly layers: readonly LinearLayer[];
  readonly world: World;
  /** The global batch at a position, of which this rank has its sequences. */
  readonly batchAt: (position: number) => Batch;
}

interface ProbeOptions extends ProbeSettings {
  /** Names the random streams. */
  readonly purpose: string;
  /** Layers of one kind, and so of one shape, share an adapter. */
  readonly kindOf: (layer: LinearLayer) => string;
  /** What the adapter of a layer is multiplied by now. */
  readonly factorOf: (layer: LinearLayer) => number;
}

interface Trained {
  readonly value: Tensor;
  /** Summed over layers, then over ranks. */
  readonly gradient: Tensor;
  readonly state: OptimizerState;
}

interface ProbeAdapter {
  /** `[rank, in]` */
  readonly A: Trained;
  /** `[out, rank]` */
  readonly B: Trained;
}

const optimizer = adamW({
  ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, masterWeights: 'Float32' },
});

export class ProbeAdapters implements Disposable {
  readonly #of: Probed;
  readonly #options: ProbeOptions;
  readonly #dense: DenseGradients;
  readonly #byKind = new Map<string, ProbeAdapter>();

  constructor(of: Probed, options: ProbeOptions) {
    this.#of = of;
    this.#options = options;
    this.#dense = new DenseGradients(of, of.layers);
    for (const layer of of.layers) {
      const kind = options.kindOf(layer);
      if (!this.#byKind.has(kind)) this.#byKind.set(kind, this.#begun(kind, layer));
      this.#dense.change(layer, (weight) => this.#changed(layer, weight));
    }
  }

  /** The adapter of a layer. */
  adapterOf(layer: LinearLayer): { readonly A: Tensor; readonly B: Tensor } {
    const { A, B } = this.#own(layer);
    return { A: A.value, B: B.value };
  }

  /** Moves all by the gradients of a batch; `count` is that of this step, from 1. Collective. */
  train(position: number, count: number): void {
    this.#dense.of(this.#of.batchAt(position), (layer, G) => this.#add(layer, G));
    scope(() => this.#move(count), 'cpu');
  }

  /**
   * Of each layer the slope of the loss of a batch by its factor, `<G, B A>`, the same at all
   * ranks; and the loss. Collective.
   */
  slopes(position: number): { readonly slopes: readonly number[]; readonly loss: number } {
    const { batchAt, layers, world } = this.#of;
    const own = layers.map(() => 0);
    const loss = this.#dense.of(batchAt(position), (layer, G) => {
      own[layers.indexOf(layer)] = this.#slope(layer, G);
    });
    // Each layer's gradient is whole at one rank alone: sums are exact.
    const [sum = Number.NaN, ...slopes] = world.sum([loss, ...own]);
    return { slopes, loss: sum };
  }

  [Symbol.dispose](): void {
    for (const { A, B } of this.#byKind.values()) {
      for (const { value, gradient, state } of [A, B]) {
        for (const each of [value, gradient, ...Object.values(state)]) each.dispose();
      }
    }
    this.#dense[Symbol.dispose]();
  }

  #begun(kind: string, { out, in: inputs }: LinearLayer): ProbeAdapter {
    const { rank, seed, dtype, purpose } = this.#options;
    const trained = (value: Tensor): Trained => {
      const state = optimizer.initialize(value);
      for (const each of Object.values(state)) keep(each);
      return { value: keep(value), gradient: keep(ops.zeros(value.shape, { dtype })), state };
    };
    return scope(() => {
      const bound = 1 / Math.sqrt(inputs);
      const stream = streamOf(seed, purpose, kind);
      return {
        A: trained(uniform([rank, inputs], -bound, bound, stream, dtype)),
        B: trained(ops.zeros([out, rank], { dtype })),
      };
    }, 'cpu');
  }

  /** A copy of the weight with the change times its factor, in the type of the weight. */
  #changed(layer: LinearLayer, stored: Tensor): Tensor {
    const weight = denseOf(stored);
    const { A, B } = this.#own(layer);
    const scaled = ops.mulScalar(B.value, this.#options.factorOf(layer));
    const change = ops.mm(onDevice(scaled, weight.device), onDevice(A.value, weight.device));
    return ops.to(ops.add_(change, weight), weight.dtype);
  }

  #add(layer: LinearLayer, gradient: Tensor): void {
    const { A, B } = this.#own(layer);
    const G = ops.to(gradient, A.value.dtype);
    const factor = this.#options.factorOf(layer);
    ops.add_(A.gradient, ops.mulScalar(ops.mm(ops.t(B.value), G), factor));
    ops.add_(B.gradient, ops.mulScalar(ops.mm(G, ops.t(A.value)), factor));
  }

  #move(count: number): void {
    const { learningRate, seed, purpose } = this.#options;
    for (const [kind, { A, B }] of this.#byKind) {
      for (const { value, gradient, state } of [A, B]) {
        this.#of.world.sumTensor(gradient);
        optimizer.update(value, gradient, state, {
          ...{ learningRate, count, gradientScale: 1, decayed: false },
          stream: streamOf(seed, purpose, kind, count),
        });
        ops.zero_(gradient);
      }
    }
  }

  #slope(layer: LinearLayer, gradient: Tensor): number {
    const { A, B } = this.#own(layer);
    const G = ops.to(gradient, A.value.dtype);
    const along = ops.mul(ops.mm(ops.t(B.value), G), A.value);
    // Row by row: the result of `sum` depends on the number of threads.
    const rows = toArray(ops.sumDim(along, [1]));
    return rows.reduce((sum, row) => sum + row, 0);
  }

  #own(layer: LinearLayer): ProbeAdapter {
    const found = this.#byKind.get(this.#options.kindOf(layer));
    if (found === undefined) throw new Bug(`there is no probe beside ${layer.path}`);
    return found;
  }
}
