// Quantizes the linear layers of a model block by block. What a block is given are outputs of the
// blocks before it as they are quantized, so it makes up for what they lost.
import { BlockInputs } from '../engine/block-inputs.ts';
import { BlockWalk } from '../engine/block-walk.ts';
import type { Model } from '../engine/model.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { SeenInputs } from './adaquant.ts';
import type { BlockInput } from './block-transforms.ts';
import { pairedInputs } from './paired-inputs.ts';
import {
  exactlyRead,
  type InputGrid,
  type ReadInputs,
  withRoundedInputs,
} from './rounded-inputs.ts';
import { SeenInput } from './seen-input.ts';

/** Called for each linear layer; products read from then on what the result makes. */
export type QuantizeLayer = (path: string, gram: Tensor) => () => Tensor;

/** What is found of a block before its layers are quantized. */
interface Preparation {
  /** One row of so many tokens of an input is kept for it. */
  readonly every: number;
  prepare(layer: number, inputs: readonly BlockInput[]): void;
  /** What inputs of a layer are divided by where they are read; null: nothing. */
  readonly divisor?: (path: string) => Tensor | null;
}

/**
 * Yields after each block, with how many are done. The model has the trained blocks that come and
 * the quantized ones that were; an adapter is part of those that come alone. `rounded`: the grid of
 * the inputs of quantized layers.
 */
export function* quantizeBlocks(
  model: Model,
  sequences: readonly PackedSequence[],
  quantize: QuantizeLayer,
  rounded: InputGrid | null = null,
  preparation: Preparation | null = null,
): Generator<number> {
  const exact = exactlyRead(model.config);
  const read = { grid: rounded, exact, divisor: preparation?.divisor };
  using walk = new BlockWalk(asPublished(model, read), sequences);
  while (!walk.isOver) {
    const gridOf = (path: string) => (exact.has(path) ? null : rounded);
    using inputs = new BlockInputs(
      (x, _, path) => new SeenInput(x, gridOf(path), everyOf(x, sequences, preparation)),
    );
    walk.look({ input: (path, x) => inputs.add(path, x) }, model);
    preparation?.prepare(walk.layer, inputs.inputs.flatMap(seen));
    for (const { paths, sums } of inputs.inputs) {
      if (sums === null) continue;
      for (const path of paths) {
        scope(() => {
          model.parameters.change(`${path}.weight`, quantize(path, sums.whole));
        }, model.device);
      }
    }
    walk.advance();
    yield walk.layer;
  }
}

/** A layer that reads a row for each document reads fewer than there are tokens. */
function everyOf(
  x: Tensor,
  [first]: readonly PackedSequence[],
  preparation: Preparation | null,
): number | null {
  if (preparation === null) return null;
  const share = (x.shape[0] ?? 0) / (first?.tokens ?? 1);
  return Math.max(1, Math.floor(preparation.every * share));
}

type Input = BlockInputs<SeenInput>['inputs'][number];

function seen({ paths, sums }: Input): readonly BlockInput[] {
  return sums === null ? [] : [{ paths, sums }];
}

/** Called for each linear layer, with its inputs in the quantized model and in the trained one. */
type TrainLayer = (path: string, seen: SeenInputs) => () => Tensor;

/**
 * As `quantizeBlocks`, beside the trained model; yields after each layer, with how many blocks are
 * done.
 */
export function* trainBlocks(
  model: Model,
  sequences: readonly PackedSequence[],
  train: TrainLayer,
  rounded: InputGrid | null = null,
): Generator<number> {
  using walk = new BlockWalk(asPublished(model, { grid: rounded }), sequences);
  using exact = new BlockWalk(model, sequences);
  while (!walk.isOver) {
    using inputs = pairedInputs({ walk, exact, model, sequences, rounded });
    // Matrices of this block are still the trained ones.
    exact.advance();
    for (const { paths, sums } of inputs.all) {
      for (const path of paths) {
        scope(() => {
          const seen = { trained: sums.trained.whole, held: sums.held.whole };
          model.parameters.change(`${path}.weight`, train(path, seen));
        }, model.device);
        yield walk.layer;
      }
    }
    walk.advance();
    yield walk.layer;
  }
}

/** The same weights without the adapter, in the arithmetic of the result. */
export function asPublished(model: Model, read: ReadInputs | null): Model {
  const none = { adapter: null, adapted: new Map(), mixed: new Map() };
  const isPlain = read === null || (read.grid === null && read.divisor === undefined);
  return { ...model, ...none, precision: isPlain ? null : withRoundedInputs(read) };
}
