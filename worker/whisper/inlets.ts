// What precedes the blocks. Of the encoder: two convolutions over the frames of each sound, of
// which the second takes every other frame, and fixed positions. Of the decoder: a row for each
// token and its position, beside the states of the encoder, normed.
//
// Shapes: N sounds · M values of a frame · F frames · n tokens of a sound, half of its frames
import { Bug } from '../../crds/failures/errors.ts';
import type { Model } from '../engine/model.ts';
import type { SequenceInputs } from '../engine/network.ts';
import type { HostSequence, PackedSequence } from '../engine/packed-sequence.ts';
import { layerNormAt } from '../nn/layer-norm.ts';
import { asType } from '../tensor/as-type.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { type WhisperConfig, whisperConfig } from './config.ts';
import { names } from './names.ts';

type Value = (name: string) => Tensor;

/** Tokens of the encoder for a sound of so many frames. */
function tokensOfFrames(frames: number): number {
  return Math.ceil(frames / 2);
}

/** `mel [N, F, M]` in the model's type, and rows of the decoder's positions, `[T]` int64. */
export function whisperInputs(
  { mels, contextLength }: WhisperConfig,
  { positions, values }: Pick<HostSequence, 'positions' | 'values'>,
  dtype: DType,
): SequenceInputs {
  return scope(() => {
    // Padding is one document, which may be longer than those that have a loss.
    const rows = positions.map((position) => Math.min(position, contextLength - 1));
    const { values: all, shape } = values?.['mel'] ?? { values: [], shape: [mels, 2] };
    const [found = 0, frames = 0] = shape;
    if (found !== mels) throw new Bug(`sounds have ${found} values a frame instead of ${mels}`);
    const sounds = tensor(all, [all.length / (mels * frames), mels, frames], 'float32');
    const turned = ops.contiguous(ops.permute(sounds, [0, 2, 1]));
    return {
      mel: dtype === 'float32' ? turned : ops.to(turned, dtype),
      positions: tensor(rows, [rows.length], 'int64'),
    };
  });
}

/** Offsets of the sounds in the encoder: padding has none. */
export function soundOffsets(
  { mels }: WhisperConfig,
  { offsets, values }: Pick<HostSequence, 'offsets' | 'values'>,
): Int32Array {
  const { values: all, shape } = values?.['mel'] ?? { values: [], shape: [mels, 2] };
  const [, frames = 0] = shape;
  const count = all.length / (mels * frames);
  const each = tokensOfFrames(frames);
  return offsets.map((_, document) => Math.min(document, count) * each);
}

/** The stream before the first block of the encoder, `[N n, H]`. */
export function encoded(
  { config: of, dtype }: Pick<Model, 'config' | 'dtype'>,
  { inputs }: Pick<PackedSequence, 'inputs'>,
  value: Value,
): Tensor {
  return scope(() => {
    const { H, sourcePositions } = whisperConfig(of);
    const { mel } = inputs;
    if (mel === undefined) throw new Bug('a sequence has no sounds');
    const first = ops.gelu(convolved(mel, 1, names.firstConvolution, value));
    const second = ops.gelu(convolved(first, 2, names.secondConvolution, value));
    const [count = 0, n = 0] = second.shape;
    if (n > sourcePositions) throw new Bug(`a sound has ${n} tokens of ${sourcePositions}`);
    const positions = ops.narrow(value(names.sourcePositions), 0, 0, n);
    const x = ops.add(second, asType(positions, dtype));
    return ops.reshape(x, [count * n, H]);
  });
}

/**
 * A convolution of three frames, with a frame of zeros at both ends: a product, which has the same
 * bits for any number of threads. `x [N, F, I]` → `[N, F / step, H]`.
 */
function convolved(x: Tensor, step: 1 | 2, path: string, value: Value): Tensor {
  return scope(() => {
    const [count = 0, frames = 0, inputs = 0] = x.shape;
    const weight = value(`${path}.weight`);
    const silence = ops.zeros([count, 1, inputs], { dtype: x.dtype });
    const wide = ops.cat([silence, x, silence], 1);
    const length = step === 1 ? frames : tokensOfFrames(frames);
    const windows = [0, 1, 2].map((from) =>
      ops.slice(wide, 1, from, from + (length - 1) * step + 1, step),
    );
    const rows = ops.reshape(ops.stack(windows, -1), [count * length, inputs * 3]);
    const flat = ops.view(weight, [weight.shape[0] ?? 0, inputs * 3]);
    const y = ops.linear(rows, flat, value(`${path}.bias`));
    return ops.view(y, [count, length, weight.shape[0] ?? 0]);
  });
}

/** The states of the encoder as the decoder reads them. */
export function memoryOf({ normEps }: WhisperConfig, before: Tensor, value: Value): Tensor {
  return layerNormAt(names.encoderNorm, normEps, value, before);
}

/** The tables of the decoder by name, each with its rows of a sequence. */
export function decoderTables({
  ids,
  inputs,
}: Pick<PackedSequence, 'ids' | 'inputs'>): readonly (readonly [name: string, rows: Tensor])[] {
  const { positions = ids } = inputs;
  return [
    [names.tokens, ids],
    [names.targetPositions, positions],
  ];
}

/** The stream before the first block of the decoder, `[T, H]`. */
export function embedded(
  { parameters, dtype }: Model,
  sequence: Pick<PackedSequence, 'ids' | 'inputs'>,
): Tensor {
  return scope(() =>
    decoderTables(sequence)
      .map(([name, rows]) => asType(ops.indexSelect(parameters.value(name), 0, rows), dtype))
      .reduce((sum, rows) => ops.add(sum, rows)),
  );
}
