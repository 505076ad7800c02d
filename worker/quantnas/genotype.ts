// What a search found: of each place the choice with the largest weight, and what it costs. Pure.
import type { FoundConfig, SupernetConfig } from './config.ts';
import { bitOperations, type Choice, choicesOf, placesOfCell } from './space.ts';

/** The alphas of a place, in the order of `choicesOf`. */
type AlphasOf = (layer: number, place: number) => readonly number[];

export interface Genotype {
  readonly genotype: FoundConfig['genotype'];
  /** Of a pixel of the input, over all cells: products times the bits of both factors. */
  readonly bitOpsPerPixel: number;
  /** That of the network with the same choices in this width everywhere, by width. */
  readonly uniformBitOpsPerPixel: Readonly<Record<string, number>>;
  /** Weights of the choices in each place, as `operation/bits`. */
  readonly weights: readonly (readonly Readonly<Record<string, number>>[])[];
}

export function genotypeOf(config: SupernetConfig, alphasOf: AlphasOf): Genotype {
  const { H, L, space } = config;
  const all = choicesOf(space);
  const places = Array.from({ length: L }, (_, layer) =>
    Array.from({ length: placesOfCell }, (_, place) => softmax(alphasOf(layer, place))),
  );
  const genotype = places.map((cell) => cell.map((weights) => largest(all, weights)));
  const named = ({ operation, bits }: Choice) => `${operation}/${bits}`;
  return {
    genotype,
    bitOpsPerPixel: genotypeCost(genotype, H),
    uniformBitOpsPerPixel: Object.fromEntries(
      space.bits.map((bits) => [
        bits,
        genotypeCost(
          genotype.map((cell) => cell.map((choice) => ({ ...choice, bits }))),
          H,
        ),
      ]),
    ),
    weights: places.map((cell) =>
      cell.map((weights) =>
        Object.fromEntries(all.map((choice, i) => [named(choice), weights[i] ?? 0])),
      ),
    ),
  };
}

/** BitOps of a pixel, over all places. */
export function genotypeCost(genotype: FoundConfig['genotype'], H: number): number {
  return genotype.flat().reduce((sum, choice) => sum + bitOperations(choice, H), 0);
}

/** The first of equals. */
function largest(all: readonly Choice[], weights: readonly number[]): Choice {
  const [best] = all.filter((_, i) => weights[i] === Math.max(...weights));
  if (best === undefined) throw new RangeError('alphas are not finite');
  return best;
}

function softmax(alphas: readonly number[]): readonly number[] {
  const most = Math.max(...alphas);
  const powers = alphas.map((alpha) => Math.exp(alpha - most));
  const sum = powers.reduce((all, one) => all + one, 0);
  return powers.map((power) => power / sum);
}
