// The first codes of a model by its outputs on some sequences (AQLM, Egiazarian et al. 2024): the
// layers of a block one after the other (fit-codebooks.ts), on what the blocks before it give as
// they are quantized, then vectors and scales of the block together, so that the stream behind it
// stays that of the trained model (window-training.ts).
import { BlockInputs } from '../engine/block-inputs.ts';
import { BlockWalk } from '../engine/block-walk.ts';
import type { Model } from '../engine/model.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { type CodeChoice, chooseCodes } from '../methods/weights/choose-codes.ts';
import type { CodebookMatrix } from '../methods/weights/codebook.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Stream } from '../tensor/streams.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { damped, type FitSettings, fitCodebooks_ } from './fit-codebooks.ts';
import { InputGram } from './input-gram.ts';
import { asPublished } from './quantize-blocks.ts';
import { TrainedCodebook } from './trained-codebook.ts';
import { nameOf, trainWindow } from './window-training.ts';

export interface CodebookSettings {
  readonly choice: CodeChoice;
  readonly fit: Omit<FitSettings, 'beam'>;
  /** Updates of the vectors and scales of a block. */
  readonly updates: number;
}

interface Calibrated {
  readonly model: Model;
  readonly sequences: readonly PackedSequence[];
  readonly layers: readonly LinearLayer[];
  /** As it was trained, float32 `[out, in]`. */
  readonly weightOf: (layer: LinearLayer) => Tensor;
  /** Random numbers of a layer. */
  readonly streamOf: (layer: LinearLayer) => Stream;
  /** Takes what a matrix has become. */
  readonly take: (path: string, matrix: CodebookMatrix) => void;
}

/** Share of its root mean square that a vector or scale moves at most in the first update. */
const rate = 0.005;

/**
 * Yields after each layer and update, with how many blocks are done; products of the model read
 * what was found.
 */
export function* calibrateCodebooks(
  calibrated: Calibrated,
  settings: CodebookSettings,
): Generator<number> {
  const { model, sequences, layers } = calibrated;
  const plain = asPublished(model, null);
  using walk = new BlockWalk(plain, sequences);
  using exact = new BlockWalk(model, sequences);
  while (!walk.isOver) {
    const first = walk.layer;
    const block = layers.filter((layer) => model.parameters.get(nameOf(layer)).layer === first);
    using inputs = new BlockInputs((x) => new InputGram(x));
    walk.look({ input: (path, x) => inputs.add(path, x) }, plain);
    exact.advance();
    using matrices = new DisposableStack();
    const trained: [LinearLayer, TrainedCodebook][] = [];
    for (const layer of block) {
      const gram = inputs.inputs.find(({ paths }) => paths.includes(layer.path))?.sums?.whole;
      const matrix = matrices.use(
        scope(() => new TrainedCodebook(fitted(calibrated, layer, gram, settings), rate)),
      );
      trained.push([layer, matrix]);
      model.parameters.change(nameOf(layer), () =>
        scope(() => ops.to(matrix.values(), model.dtype)),
      );
      yield first;
    }
    const window = { ...{ first, end: first + 1, sequences, walk, exact }, model: plain };
    for (const _ of trainWindow(window, trained, settings.updates)) yield first;
    walk.advance();
    for (const [layer, matrix] of trained) {
      calibrated.take(layer.path, matrix.best());
      // No block reads it again.
      model.parameters.unchange(nameOf(layer));
    }
    yield walk.layer;
  }
}

function fitted(
  { weightOf, streamOf }: Calibrated,
  layer: LinearLayer,
  gram: Tensor | undefined,
  { choice, fit }: CodebookSettings,
): CodebookMatrix {
  const weight = weightOf(layer);
  const matrix = chooseCodes(weight, choice, streamOf(layer));
  if (gram !== undefined) {
    const H = damped(gram);
    fitCodebooks_({ matrix, weight, gram: H }, { ...fit, beam: choice.beam });
  }
  return matrix;
}
