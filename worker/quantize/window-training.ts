// A window of blocks whose layers train so that its output stays that of the trained model: what of
// a layer trains is its own matter.
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { cosine } from './adaquant.ts';
import { gapOf, gradientsOf, type Window } from './window-pass.ts';

/** What a layer stands for while it trains. */
export interface Trainee {
  /** For the gradient `G` of its values, the `at`-th from 1; `share` of all learning rates. */
  update(G: Tensor, at: number, share: number): void;
  /** Takes the present values for the best. */
  mark(): void;
  /** Goes back to the best values. */
  restore(): void;
}

/** Sequences of an update. */
const batch = 2;
/** Updates between two looks at the sequences that are kept aside. */
const interval = 10;

/** Trains what the layers of a window stand for; ends with the best. */
export function* trainWindow(
  window: Window,
  layers: readonly (readonly [LinearLayer, Trainee])[],
  iterations: number,
): Generator<void> {
  const places = window.sequences.map((_, a) => a);
  const aside = places.length > 1 ? Math.ceil(places.length / 10) : 0;
  const shown = places.length - aside;
  const held = aside === 0 ? places : places.slice(shown);
  let least = gapOf(window, held);
  for (let at = 1; at <= iterations; at += 1) {
    const from = batch * (at - 1);
    const drawn = Array.from({ length: Math.min(batch, shown) }, (_, j) => (from + j) % shown);
    scope(() => {
      const weights = layers.map(([layer]) => nameOf(layer));
      const gradients = gradientsOf(window, drawn, weights);
      for (const [i, [, matrix]] of layers.entries()) {
        const G = gradients[i];
        if (G !== undefined) matrix.update(G, at, cosine(at, iterations));
      }
    }, window.model.device);
    if (at % interval === 0 || at === iterations) {
      const gap = gapOf(window, held);
      if (gap < least) {
        least = gap;
        for (const [, matrix] of layers) matrix.mark();
      }
    }
    yield;
  }
  for (const [, matrix] of layers) matrix.restore();
}

export function nameOf({ path }: LinearLayer): string {
  return `${path}.weight`;
}
