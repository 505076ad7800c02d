// CBQ: Cross-Block Quantization for Large Language Models (Ding et al. 2023): steps and zero points
// of a window of blocks train so that its output, on what the quantized blocks before it give,
// stays that of the trained model. Windows overlap: a block that was in one already goes on from
// what it reached.
//
//   for each window:   s, z of all its layers <- Adam on the gap of streams (stream-gap.ts),
//                      straight through rounding, on a cosine to zero
//
// A window of one block without overlap is reconstruction block by block. Taken is the update with
// the least gap on sequences that are kept aside. Against the paper: rounding is to nearest, since
// its factors of low rank lost more than they won on small models; there is no divergence of
// hidden vectors, and outliers are cut off by the search of scales.
import { BlockInputs } from '../engine/block-inputs.ts';
import { BlockWalk } from '../engine/block-walk.ts';
import type { Model } from '../engine/model.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { InputGram } from './input-gram.ts';
import { asPublished } from './quantize-blocks.ts';
import {
  type CodedMatrix,
  integersOf,
  nearestMatrix,
  quantizeMatrix,
  type RoundingSettings,
} from './quantize-matrix.ts';
import { TrainedMatrix } from './trained-matrix.ts';
import { blocksOf } from './window-pass.ts';
import { nameOf, trainWindow } from './window-training.ts';

export interface WindowSettings {
  /** Blocks that train together. */
  readonly window: number;
  /** How many of them the next window has too. */
  readonly overlap: number;
  readonly iterations: number;
}

interface Trained {
  readonly model: Model;
  readonly sequences: readonly PackedSequence[];
  readonly layers: readonly LinearLayer[];
  /** As it was trained, float32 `[out, in]`. */
  readonly weightOf: (layer: LinearLayer) => Tensor;
  /** How a matrix begins. */
  readonly rounding: (path: string) => RoundingSettings;
  /** Takes what a matrix has become; products read what it returns. */
  readonly take: (path: string, matrix: CodedMatrix) => () => Tensor;
}

const rates = { scale: 0.01, zero: 0.02, weight: 0 } as const;
/** Yields after each update, with how many blocks are done. */
export function* trainWindows(trained: Trained, settings: WindowSettings): Generator<number> {
  const { model, sequences } = trained;
  const { L } = model.config;
  const plain = asPublished(model, null);
  using walk = new BlockWalk(plain, sequences);
  using exact = new BlockWalk(model, sequences);
  using matrices = new Matrices(trained);
  while (!walk.isOver) {
    const first = walk.layer;
    const end = Math.min(first + settings.window, L);
    while (exact.layer < end) matrices.begin(exact);
    const window = { ...{ first, end, sequences }, model: plain, walk, exact };
    const layers = blocksOf(window).flatMap((block) => [...matrices.of(block)]);
    for (const _ of trainWindow(window, layers, settings.iterations)) yield first;
    const next = end === L ? L : first + settings.window - settings.overlap;
    while (walk.layer < next) {
      matrices.settle(walk.layer);
      walk.advance();
      yield walk.layer;
    }
  }
}

/** The matrices of the blocks that are in a window. */
class Matrices implements Disposable {
  readonly #trained: Trained;
  readonly #byLayer = new Map<LinearLayer, TrainedMatrix>();

  constructor(trained: Trained) {
    this.#trained = trained;
  }

  /** Passes a block of the trained model, and has products read its layers on their grids. */
  begin(exact: BlockWalk): void {
    const { model, weightOf, rounding } = this.#trained;
    const block = this.#layersOf(exact.layer);
    using inputs = new BlockInputs((x) => new InputGram(x));
    if (block.some(({ path }) => isMeasured(rounding(path)))) {
      exact.look({ input: (path, x) => inputs.add(path, x) });
    }
    exact.advance();
    for (const layer of block) {
      const gram = inputs.inputs.find(({ paths }) => paths.includes(layer.path))?.sums ?? null;
      const own = rounding(layer.path);
      const matrix = scope(() => {
        const weight = weightOf(layer);
        const { steps } = quantizeMatrix(weight, gram?.whole ?? null, own);
        return new TrainedMatrix(weight, steps, integersOf(own.grid), rates);
      }, model.device);
      this.#byLayer.set(layer, matrix);
      const values = (): Tensor => scope(() => ops.to(matrix.values(), model.dtype));
      model.parameters.change(nameOf(layer), values);
    }
  }

  /** The layers of a block with what trains in them. */
  *of(block: number): Generator<readonly [LinearLayer, TrainedMatrix]> {
    for (const layer of this.#layersOf(block)) {
      const matrix = this.#byLayer.get(layer);
      if (matrix !== undefined) yield [layer, matrix];
    }
  }

  settle(block: number): void {
    const { model, take } = this.#trained;
    for (const [layer, matrix] of this.of(block)) {
      scope(() => {
        const { weight, steps } = matrix.best();
        const found = take(layer.path, nearestMatrix(weight, steps, matrix.grid));
        model.parameters.change(nameOf(layer), found);
      }, model.device);
      matrix[Symbol.dispose]();
      this.#byLayer.delete(layer);
    }
  }

  [Symbol.dispose](): void {
    for (const matrix of this.#byLayer.values()) matrix[Symbol.dispose]();
  }

  #layersOf(block: number): readonly LinearLayer[] {
    const { model, layers } = this.#trained;
    return layers.filter((layer) => model.parameters.get(nameOf(layer)).layer === block);
  }
}

function isMeasured({ steps, refits }: RoundingSettings): boolean {
  return steps === 'ClipSearch' || refits > 0;
}
