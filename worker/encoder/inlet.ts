// What precedes the blocks: a row of each of three tables for each token, their sum, and its norm.
import type { Model } from '../engine/model.ts';
import type { SequenceInputs } from '../engine/network.ts';
import type { HostSequence, PackedSequence } from '../engine/packed-sequence.ts';
import { layerNormAt } from '../nn/layer-norm.ts';
import { asType } from '../tensor/as-type.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { EncoderConfig } from './config.ts';
import { inletNames } from './names.ts';

/** Rows of the tables of positions and segments, `[T]` int64 each. */
export function inletRows(
  { firstPosition, positions: rows, segments: kinds }: EncoderConfig,
  { positions, segments }: Pick<HostSequence, 'positions' | 'segments'>,
): SequenceInputs {
  const shape = [positions.length];
  // Padding is one document, which may be longer than those that have a loss.
  const row = positions.map((position) => Math.min(position + firstPosition, rows - 1));
  const kind = Int32Array.from(positions, (_, token) =>
    Math.min(segments?.[token] ?? 0, kinds - 1),
  );
  return { positions: tensor(row, shape, 'int64'), segments: tensor(kind, shape, 'int64') };
}

type Texts = Pick<PackedSequence, 'ids' | 'inputs'>;

/** The tables by name, each with its rows of a sequence. */
export function tablesOf(
  config: EncoderConfig,
  { ids, inputs }: Texts,
): readonly (readonly [name: string, rows: Tensor])[] {
  const names = inletNames(config);
  const { segments = ids, positions = ids } = inputs;
  return [
    [names.words, ids],
    [names.segments, segments],
    [names.positions, positions],
  ];
}

/** The sum of the rows before its norm, in the model's type: `[T, H]`. */
export function embedded(
  config: EncoderConfig,
  { parameters, dtype }: Pick<Model, 'parameters' | 'dtype'>,
  texts: Texts,
): Tensor {
  return scope(() =>
    tablesOf(config, texts)
      .map(([name, rows]) => asType(ops.indexSelect(parameters.value(name), 0, rows), dtype))
      .reduce((sum, rows) => ops.add(sum, rows)),
  );
}

/** The norm of the sum, by the tensors of the model or leaves of a tape. */
export function inletNorm(
  config: EncoderConfig,
  e: Tensor,
  value: (name: string) => Tensor,
): Tensor {
  return layerNormAt(inletNames(config).norm, config.normEps, value, e);
}
