// Ranks that layers share by their spectra: each layer is decomposed into as many components as it
// may have, and keeps those that are among the best of all layers.
import type { World } from '../engine/world.ts';
import {
  type Found,
  type LinearLayer,
  plannedRank,
  type Spectrum,
} from '../methods/adapters/adapter.ts';
import { planRanks } from '../methods/adapters/rank-plan.ts';
import { keep, scope } from '../tensor/scope.ts';
import { tensor } from '../tensor/tensor.ts';

export class SharedRanks implements Disposable {
  readonly #spectrum: Spectrum;
  readonly #layers: readonly LinearLayer[];
  readonly #found = new Map<LinearLayer, Found>();

  constructor(spectrum: Spectrum, layers: readonly LinearLayer[]) {
    this.#spectrum = spectrum;
    this.#layers = layers;
  }

  /** What was found of a layer that this rank decomposed. */
  add(layer: LinearLayer, found: Found): void {
    for (const one of Object.values(found)) keep(one);
    this.#found.set(layer, found);
  }

  /** Collective: the ranks of all layers, from the scores of all ranks. */
  ranks(world: World): readonly number[] {
    const spectrum = this.#spectrum;
    const scores = this.#layers.map((layer) => {
      const found = this.#found.get(layer);
      return found === undefined
        ? new Array<number>(spectrum.most(layer)).fill(0)
        : spectrum.scores(found);
    });
    // Each layer has scores at one rank alone, and zeros at the others: sums are exact.
    const all = world.sum(scores.flat());
    let at = 0;
    const byLayer = scores.map(({ length }) => {
      at += length;
      return all.slice(at - length, at);
    });
    return planRanks(byLayer, spectrum.rank * this.#layers.length);
  }

  /** Of this rank's layers: what each begins with, and its rank. */
  *first(ranks: readonly number[]): Generator<readonly [LinearLayer, Found]> {
    for (const [i, layer] of this.#layers.entries()) {
      const [found, rank = 0] = [this.#found.get(layer), ranks[i]];
      if (found === undefined) continue;
      const first = scope(() => {
        const own = rank === 0 ? {} : this.#spectrum.first(found, rank);
        return { ...own, [plannedRank]: tensor([rank], [1], 'int32') };
      }, 'cpu');
      for (const one of Object.values(found)) one.dispose();
      this.#found.delete(layer);
      yield [layer, first];
    }
  }

  [Symbol.dispose](): void {
    for (const found of this.#found.values()) {
      for (const one of Object.values(found)) one.dispose();
    }
  }
}
