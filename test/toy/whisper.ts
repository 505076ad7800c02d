// A toy Whisper: weights by the rule of integers of golden.ts, in memory or as a Hugging Face
// folder, and sounds by a like rule.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelSource } from '../../worker/engine/build-model.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import type { TensorSpec } from '../../worker/families/family.ts';
import { writeSafetensorsModel } from '../../worker/files/safetensors-model.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { tensor } from '../../worker/tensor/tensor.ts';
import { readWhisperConfig } from '../../worker/whisper/config.ts';
import { whisperTensors } from '../../worker/whisper/names.ts';
import { aSequence } from '../builders/training.ts';

type Fields = Readonly<Record<string, unknown>>;

const mels = 5;

/** A `config.json` of two blocks in the encoder, three in the decoder, and sounds of 16 frames. */
export function whisperJson(changes: Fields = {}): Fields {
  return {
    ...{ model_type: 'whisper', architectures: ['WhisperForConditionalGeneration'] },
    ...{ vocab_size: 40, d_model: 24, num_mel_bins: mels, activation_function: 'gelu' },
    ...{ encoder_layers: 2, encoder_attention_heads: 4, encoder_ffn_dim: 36 },
    ...{ decoder_layers: 3, decoder_attention_heads: 4, decoder_ffn_dim: 36 },
    ...{ max_source_positions: 8, max_target_positions: 16, is_encoder_decoder: true },
    ...{ dropout: 0, attention_dropout: 0, activation_dropout: 0, scale_embedding: false },
    ...{ pad_token_id: 1, bos_token_id: 1, eos_token_id: 1, decoder_start_token_id: 2 },
    ...{ suppress_tokens: null, begin_suppress_tokens: null, tie_word_embeddings: true },
    ...changes,
  };
}

/** Element j of tensor t, with t in the order of computation. */
function valuesOf({ shape, kind }: TensorSpec, t: number): Float64Array {
  const size = shape.reduce((product, each) => product * each, 1);
  const columns = size / (shape[0] ?? 1);
  return Float64Array.from({ length: size }, (_, j) => {
    const u = ((31 * j * j + 17 * j + 101 * t + 7) % 997) / 997 - 0.5;
    if (kind === 'norm') return 0.4 * u + 1;
    if (kind === 'bias') return 0.4 * u;
    return kind === 'table' ? 2 * u : (3 * u) / Math.sqrt(columns);
  });
}

function toyTensors(json: Fields) {
  const specs = whisperTensors(readWhisperConfig(json));
  return new Map(specs.map((spec, t) => [spec.name, { spec, values: valuesOf(spec, t) }]));
}

export function whisperSource(changes: Fields = {}): ModelSource {
  const json = whisperJson(changes);
  const tensors = toyTensors(json);
  return {
    config: readWhisperConfig(json),
    tensorNames: [...tensors.keys()],
    isBfloat16: () => false,
    load(tensorName, dtype) {
      const found = tensors.get(tensorName);
      if (found === undefined) throw new Error(`no tensor ${tensorName}`);
      return ops.to(tensor(found.values, found.spec.shape), dtype);
    },
  };
}

/** Returns the folder. */
export async function makeWhisper(
  folder: string,
  { dtype = 'float32', config = {} }: { readonly dtype?: DType; readonly config?: Fields } = {},
): Promise<string> {
  const json = whisperJson({ ...config, torch_dtype: dtype });
  const planned = [...toyTensors(json)].map(([name, { spec, values }]) => {
    const make = () => scope(() => ops.to(tensor(values, spec.shape), dtype));
    return [name, { shape: spec.shape, dtype, make }] as const;
  });
  await mkdir(folder, { recursive: true });
  await writeSafetensorsModel(folder, new Map(planned));
  await writeFile(join(folder, 'config.json'), `${JSON.stringify(json, null, 2)}\n`);
  return folder;
}

/** Ids of the decoder, of which the first `prompt` are learned by nobody, and the sound. */
export interface Sound {
  readonly ids: readonly number[];
  /** Each sound of a seed is another. */
  readonly seed: number;
}

const prompt = 2;

/** float32 `[mels, frames]` from -1 to 1. */
export function melOf({ seed }: Sound, frames: number): Float32Array {
  return Float32Array.from({ length: mels * frames }, (_, j) => {
    const u = ((37 * j * j + 13 * j + 211 * seed + 5) % 991) / 991;
    return 2 * u - 1;
  });
}

/** Sounds of one length side by side; padding is a document of its own without one. */
export function soundSequence(
  sounds: readonly Sound[],
  { key = 0, padding = 0, frames = 16 } = {},
): HostSequence {
  const documents = sounds.map(({ ids }) => ids);
  const padded = padding > 0 ? [...documents, new Array<number>(padding).fill(1)] : documents;
  const sequence = aSequence(padded, key);
  const labels = sequence.labels.map((label, token) => {
    const isPadding = token >= (sequence.offsets[sounds.length] ?? 0);
    return isPadding || (sequence.positions[token] ?? 0) < prompt - 1 ? -100 : label;
  });
  const targetCount = labels.filter((label) => label >= 0).length;
  const whole = { ...sequence, labels, targetCount };
  if (sounds.length === 0) return whole;
  const values = Float32Array.from(sounds.flatMap((sound) => [...melOf(sound, frames)]));
  return { ...whole, values: { mel: { values, shape: [mels, frames] } } };
}

export const toySounds: readonly Sound[] = [
  { ids: [2, 3, 11, 25, 7, 1], seed: 1 },
  { ids: [2, 3, 30, 1], seed: 2 },
  { ids: [2, 3, 5, 6, 38, 21, 13, 9, 1], seed: 3 },
];
