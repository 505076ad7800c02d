// How many bits the layers of a model get, after Improving Post Training Neural Quantization:
// Layer-wise Calibration and Integer Programming (Hubara et al. 2020): of all choices whose average
// is within the budget the one that costs least, where costs add up.
//
// A cost is how far the output of a block is off (stream-gap.ts) with this layer alone at so many
// bits, rounded to nearest. The paper measures the loss of the whole model with each layer at each
// width: as good as half a model for every one of these, where a block does here. Layers that read
// one input (q, k and v; gate and up) get the same bits, since servers multiply them as one.
import { BlockInputs } from '../engine/block-inputs.ts';
import { BlockWalk } from '../engine/block-walk.ts';
import type { Model } from '../engine/model.ts';
import { multiplyOut } from '../engine/multiplied-out.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { allocate, type Option } from './allocate.ts';
import { InputGram } from './input-gram.ts';
import { asPublished } from './quantize-blocks.ts';
import {
  codedValues,
  integersOf,
  quantizeMatrix,
  type RoundingSettings,
} from './quantize-matrix.ts';
import { gapOf } from './window-pass.ts';

interface Measured {
  readonly model: Model;
  readonly sequences: readonly PackedSequence[];
  readonly layers: readonly LinearLayer[];
  /** As it was trained, float32 `[out, in]`. */
  readonly weightOf: (layer: LinearLayer) => Tensor;
}

const widths = [2, 3, 4, 8] as const;

interface Item {
  readonly paths: readonly string[];
  readonly options: readonly Option[];
}

/** Yields after each block; returns the bits of each layer, by path. */
export function* chooseBits(
  measured: Measured,
  rounding: RoundingSettings,
  average: number,
): Generator<number, ReadonlyMap<string, number>> {
  const items: Item[] = [];
  let blocks = 0;
  for (const found of measuredItems(measured, rounding)) {
    items.push(...found);
    blocks += 1;
    yield blocks;
  }
  return bitsWithin(items, average);
}

/** Of the fewest bytes where even those are above the budget. */
function bitsWithin(items: readonly Item[], average: number): ReadonlyMap<string, number> {
  const options = items.map((item) => item.options);
  const [least = 0] = widths;
  const values = options.reduce((sum, [first]) => sum + (8 * (first?.bytes ?? 0)) / least, 0);
  const chosen = allocate(options, (average * values) / 8);
  return new Map(
    items.flatMap(({ paths }, i) =>
      paths.map((path) => [path, widths[chosen?.[i] ?? 0] ?? least] as const),
    ),
  );
}

/** The items of one block after the other. */
function* measuredItems(measured: Measured, rounding: RoundingSettings): Generator<Item[]> {
  const { model, layers, sequences } = measured;
  const plain = asPublished(model, null);
  using walk = new BlockWalk(plain, sequences);
  using exact = new BlockWalk(model, sequences);
  try {
    while (!walk.isOver) {
      using inputs = new BlockInputs((x) => new InputGram(x));
      exact.look({ input: (path, x) => inputs.add(path, x) });
      exact.advance();
      using weights = new BlockWeights(measured, walk.layer);
      const first = walk.layer;
      const window = { model: plain, sequences, walk, exact, first, end: first + 1 };
      yield inputs.inputs.map(({ paths, sums }) => ({
        paths: [...paths],
        options: widths.map((bits) => {
          const grid = { ...integersOf(rounding.grid), bits };
          const own = { ...rounding, grid, rounding: 'Nearest', refits: 0 } as const;
          weights.round(paths, (weight) =>
            codedValues(quantizeMatrix(weight, sums?.whole ?? null, own), grid),
          );
          const cost = gapOf(window, [...sequences.keys()]);
          weights.restore(paths);
          return { bytes: (weights.values(paths) * bits) / 8, cost };
        }),
      }));
      walk.advance();
    }
  } finally {
    for (const { path } of layers) model.parameters.unchange(`${path}.weight`);
    multiplyOut(model);
  }
}

/** The matrices of one block as they were trained, or rounded, for products to read. */
class BlockWeights implements Disposable {
  readonly #model: Model;
  readonly #byPath = new Map<string, Tensor>();

  constructor({ model, layers, weightOf }: Measured, block: number) {
    this.#model = model;
    for (const layer of layers) {
      if (model.parameters.get(`${layer.path}.weight`).layer !== block) continue;
      this.#byPath.set(layer.path, keep(scope(() => weightOf(layer), model.device)));
    }
    this.restore([...this.#byPath.keys()]);
  }

  round(paths: readonly string[], rounded: (weight: Tensor) => Tensor): void {
    for (const path of paths) this.#read(path, rounded);
  }

  restore(paths: readonly string[]): void {
    for (const path of paths) this.#read(path, (weight) => ops.clone(weight));
  }

  values(paths: readonly string[]): number {
    return paths.reduce((sum, path) => sum + this.#of(path).numel, 0);
  }

  [Symbol.dispose](): void {
    for (const [path, weight] of this.#byPath) {
      this.#model.parameters.unchange(`${path}.weight`);
      weight.dispose();
    }
  }

  #read(path: string, make: (weight: Tensor) => Tensor): void {
    const { parameters, dtype } = this.#model;
    const weight = this.#of(path);
    parameters.change(`${path}.weight`, () => scope(() => ops.to(make(weight), dtype)));
  }

  #of(path: string): Tensor {
    const weight = this.#byPath.get(path);
    if (weight === undefined) throw new RangeError(`${path} is not in this block`);
    return weight;
  }
}
