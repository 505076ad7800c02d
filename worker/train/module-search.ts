// The search for the layers that get an adapter (DiffoRA), before the model of the run is built.
// The base model passes forward and backward over training batches, its weights changed by adapters
// that layers of one name share, each times the gate of its layer; dense gradients of the changed
// weights are all that the search reads. With G that of layer l, g its gate:
//   of A: sum over l of g s B^T G      of B: sum over l of g s G A^T      of g: s <G, B A>
// Every rank has all shared adapters and gates, and moves them by gradients summed over ranks.
import { Bug } from '../../crds/failures/errors.ts';
import { lastPart } from '../../crds/methods/linears.ts';
import type { Batch } from '../data/batch.ts';
import type { World } from '../engine/world.ts';
import type { LinearLayer, ModuleSearch } from '../methods/adapters/adapter.ts';
import {
  chosenLayers,
  type Gates,
  gateOf,
  movedGates,
  openGates,
} from '../methods/adapters/module-gates.ts';
import { adamW } from '../methods/optimizers/adamw.ts';
import type { OptimizerState } from '../methods/optimizers/optimizer.ts';
import { denseOf } from '../methods/weights/weight-store.ts';
import * as ops from '../tensor/ops.generated.ts';
import { uniform } from '../tensor/rng.ts';
import { keep, scope } from '../tensor/scope.ts';
import { streamOf } from '../tensor/streams.ts';
import { onDevice, type Tensor, toArray } from '../tensor/tensor.ts';
import { DenseGradients, type DenseModel } from './first-gradients.ts';

interface Searched extends DenseModel {
  readonly search: ModuleSearch;
  readonly layers: readonly LinearLayer[];
  readonly world: World;
  /** The global batch at a position, of which this rank has its sequences. */
  readonly batchAt: (position: number) => Batch;
}

interface Trained {
  readonly value: Tensor;
  /** Summed over layers, then over ranks. */
  readonly gradient: Tensor;
  readonly state: OptimizerState;
}

interface SharedAdapter {
  readonly A: Trained;
  readonly B: Trained;
}

const optimizer = adamW({
  ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, masterWeights: 'Float32' },
});

export class SearchedModules implements Disposable {
  readonly #of: Searched;
  readonly #dense: DenseGradients;
  /** By name and shape of the layers. */
  readonly #shared = new Map<string, SharedAdapter>();
  readonly #places: ReadonlyMap<LinearLayer, number>;
  #gates: Gates;

  constructor(of: Searched) {
    this.#of = of;
    this.#dense = new DenseGradients(of, of.layers);
    this.#places = new Map(of.layers.map((layer, i) => [layer, i]));
    this.#gates = openGates(of.layers.length);
    for (const layer of of.layers) {
      const kind = kindOf(layer);
      if (!this.#shared.has(kind)) this.#shared.set(kind, this.#begun(kind, layer));
      this.#dense.change(layer, (weight) => this.#changed(layer, weight));
    }
  }

  /** The gates' logits, by layer. */
  get logits(): readonly number[] {
    return this.#gates.logits;
  }

  /** The shared adapter of a layer. */
  adapterOf(layer: LinearLayer): { readonly A: Tensor; readonly B: Tensor } {
    const { A, B } = this.#sharedBy(layer);
    return { A: A.value, B: B.value };
  }

  /** Two batches: one for the shared adapters, one for the gates. Collective. */
  step(index: number): void {
    const { batchAt, search, world } = this.#of;
    this.#dense.of(batchAt(2 * index), (layer, G) => this.#add(layer, G));
    scope(() => this.#moveShared(index + 1), 'cpu');
    const own = this.#of.layers.map(() => 0);
    this.#dense.of(batchAt(2 * index + 1), (layer, G) => {
      own[this.#placeOf(layer)] = this.#gateGradient(layer, G);
    });
    // Each layer's gradient is whole at one rank alone: sums are exact.
    this.#gates = movedGates(this.#gates, world.sum(own), search.gateLearningRate);
  }

  /** The rank of each layer. */
  ranks(): readonly number[] {
    const { search, layers } = this.#of;
    const blocks = layers.map(({ layer }) => layer);
    const chosen = chosenLayers(this.#gates, blocks, search.chosen);
    return chosen.map((one) => (one ? search.rank : 0));
  }

  [Symbol.dispose](): void {
    for (const { A, B } of this.#shared.values()) {
      for (const { value, gradient, state } of [A, B]) {
        for (const each of [value, gradient, ...Object.values(state)]) each.dispose();
      }
    }
    this.#dense[Symbol.dispose]();
  }

  #begun(kind: string, { out, in: inputs }: LinearLayer): SharedAdapter {
    const { rank, seed, dtype } = this.#of.search;
    const trained = (value: Tensor): Trained => {
      const state = optimizer.initialize(value);
      for (const each of Object.values(state)) keep(each);
      return { value: keep(value), gradient: keep(ops.zeros(value.shape, { dtype })), state };
    };
    return scope(() => {
      const bound = 1 / Math.sqrt(inputs);
      const stream = streamOf(seed, 'module_search', kind);
      return {
        A: trained(uniform([rank, inputs], -bound, bound, stream, dtype)),
        B: trained(ops.zeros([out, rank], { dtype })),
      };
    }, 'cpu');
  }

  /** A copy of the weight with the gated change, in the type of the weight. */
  #changed(layer: LinearLayer, stored: Tensor): Tensor {
    const weight = denseOf(stored);
    const { A, B } = this.#sharedBy(layer);
    const scaled = ops.mulScalar(B.value, this.#factorOf(layer));
    const change = ops.mm(onDevice(scaled, weight.device), onDevice(A.value, weight.device));
    return ops.to(ops.add_(change, weight), weight.dtype);
  }

  #add(layer: LinearLayer, gradient: Tensor): void {
    const { A, B } = this.#sharedBy(layer);
    const G = ops.to(gradient, A.value.dtype);
    const factor = this.#factorOf(layer);
    ops.add_(A.gradient, ops.mulScalar(ops.mm(ops.t(B.value), G), factor));
    ops.add_(B.gradient, ops.mulScalar(ops.mm(G, ops.t(A.value)), factor));
  }

  #moveShared(count: number): void {
    const { search, world } = this.#of;
    for (const [kind, { A, B }] of this.#shared) {
      for (const { value, gradient, state } of [A, B]) {
        world.sumTensor(gradient);
        optimizer.update(value, gradient, state, {
          ...{ learningRate: search.learningRate, count, gradientScale: 1, decayed: false },
          stream: streamOf(search.seed, 'module_search', kind, count),
        });
        ops.zero_(gradient);
      }
    }
  }

  #gateGradient(layer: LinearLayer, gradient: Tensor): number {
    const { A, B } = this.#sharedBy(layer);
    const G = ops.to(gradient, A.value.dtype);
    const along = ops.mul(ops.mm(ops.t(B.value), G), A.value);
    // Row by row: the result of `sum` depends on the number of threads.
    const rows = toArray(ops.sumDim(along, [1]));
    return this.#of.search.scale * rows.reduce((sum, row) => sum + row, 0);
  }

  #factorOf(layer: LinearLayer): number {
    return gateOf(this.#gates.logits[this.#placeOf(layer)] ?? 0) * this.#of.search.scale;
  }

  #placeOf(layer: LinearLayer): number {
    return this.#places.get(layer) ?? missing(layer);
  }

  #sharedBy(layer: LinearLayer): SharedAdapter {
    return this.#shared.get(kindOf(layer)) ?? missing(layer);
  }
}

function kindOf({ path, out, in: inputs }: LinearLayer): string {
  return `${lastPart(path)} ${out} ${inputs}`;
}

function missing({ path }: LinearLayer): never {
  throw new Bug(`the search knows no ${path}`);
}
