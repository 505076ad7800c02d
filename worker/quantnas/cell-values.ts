// Values that a cell of average size has in memory, for plans: what its tape keeps of each pixel
// and of its kernels, and what a pass has beside it. Counted on toys (tape-bytes.test.ts).
import type { QuantNasConfig } from './config.ts';
import { type Choice, kernelsOf, placesOfCell } from './space.ts';

interface CellValues {
  /** Of a pixel. */
  readonly kept: number;
  /** Whatever the number of pixels. */
  readonly fixed: number;
  /** Of a pixel, while a cell runs: patches of the widest kernel, and some streams. */
  readonly working: number;
}

/** Streams of a cell without its places: norms, sums, what they are multiplied by, ones. */
const streams = 12;
/** Beside the patches, while a cell runs. */
const beside = 8;

export function cellValues(config: QuantNasConfig): CellValues {
  const { H } = config;
  const places = config.family === 'quantnas' ? foundPlaces(config.genotype) : searched(config);
  const { kept, fixed, widest } = places;
  return {
    kept: H * (streams + kept),
    fixed: Math.round(H * H * fixed),
    working: H * (beside + widest),
  };
}

interface PlaceValues {
  /** In streams. */
  readonly kept: number;
  /** In matrices of H x H. */
  readonly fixed: number;
  /** Places of the widest kernel. */
  readonly widest: number;
}

/** Each convolution keeps its patches, and its weight, ratios to steps and integers. */
function foundPlaces(genotype: readonly (readonly Choice[])[]): PlaceValues {
  const places = genotype.flat().map(({ operation }) => kernelsOf(operation));
  const kernels = places.flat();
  const between = kernels.length - places.length;
  const sizes = kernels.map(({ kernel }) => kernel ** 2);
  const weights = kernels.map(({ kernel, groups }) => (3 * kernel ** 2) / groups);
  const cells = genotype.length;
  return {
    kept: (sum(sizes) + between) / cells,
    fixed: sum(weights) / cells,
    widest: Math.max(...sizes),
  };
}

/** The kernels of each width, their weighted sum, and the input in each width. */
function searched({ space }: Extract<QuantNasConfig, { family: 'quantnas-supernet' }>) {
  const widths = space.bits.length;
  const all = space.operations.map((operation) => kernelsOf(operation));
  const plain = all.filter(({ length }) => length === 1).flat();
  const chains = all.filter(({ length }) => length > 1);
  const wide = Math.max(0, ...plain.map(({ kernel }) => kernel ** 2));
  const ofChains = chains.flat().map(({ kernel }) => kernel ** 2);
  const between = chains.flat().length - chains.length;
  const kept = widths + wide + sum(ofChains) + between * (widths + 1);
  const kernels = wide === 0 ? 0 : (plain.length * widths + 1) * wide;
  const fixed = kernels + (widths + 1) * sum(ofChains);
  return {
    ...{ kept: placesOfCell * kept, fixed: placesOfCell * fixed },
    widest: Math.max(wide, ...ofChains),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}
