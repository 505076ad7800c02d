// The search for the layers that get an adapter (DiffoRA), before the model of the run is built.
// Adapters that layers of one name share train beside the base model (probe-adapters.ts), each
// times the gate g of its layer, which trains too: the slope of the loss by it is s <G, B A>.

import { lastPart } from '../../crds/methods/linears.ts';
import type { LinearLayer, ModuleSearch } from '../methods/adapters/adapter.ts';
import {
  chosenLayers,
  type Gates,
  gateOf,
  movedGates,
  openGates,
} from '../methods/adapters/module-gates.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ProbeAdapters, type Probed } from './probe-adapters.ts';

interface Searched extends Probed {
  readonly search: ModuleSearch;
}

export class SearchedModules implements Disposable {
  readonly #of: Searched;
  readonly #shared: ProbeAdapters;
  readonly #places: ReadonlyMap<LinearLayer, number>;
  #gates: Gates;

  constructor(of: Searched) {
    this.#of = of;
    this.#places = new Map(of.layers.map((layer, i) => [layer, i]));
    this.#gates = openGates(of.layers.length);
    const { scale } = of.search;
    this.#shared = new ProbeAdapters(of, {
      ...{ ...of.search, purpose: 'module_search', kindOf },
      factorOf: (layer) => gateOf(this.#gates.logits[this.#places.get(layer) ?? -1] ?? 0) * scale,
    });
  }

  /** The gates' logits, by layer. */
  get logits(): readonly number[] {
    return this.#gates.logits;
  }

  /** The shared adapter of a layer. */
  adapterOf(layer: LinearLayer): { readonly A: Tensor; readonly B: Tensor } {
    return this.#shared.adapterOf(layer);
  }

  /** Two batches: one for the shared adapters, one for the gates. Collective. */
  step(index: number): void {
    const { scale, gateLearningRate } = this.#of.search;
    this.#shared.train(2 * index, index + 1);
    const { slopes } = this.#shared.slopes(2 * index + 1);
    const gradients = slopes.map((slope) => scale * slope);
    this.#gates = movedGates(this.#gates, gradients, gateLearningRate);
  }

  /** The rank of each layer. */
  ranks(): readonly number[] {
    const { search, layers } = this.#of;
    const blocks = layers.map(({ layer }) => layer);
    const chosen = chosenLayers(this.#gates, blocks, search.chosen);
    return chosen.map((one) => (one ? search.rank : 0));
  }

  [Symbol.dispose](): void {
    this.#shared[Symbol.dispose]();
  }
}

function kindOf({ path, out, in: inputs }: LinearLayer): string {
  return `${lastPart(path)} ${out} ${inputs}`;
}
