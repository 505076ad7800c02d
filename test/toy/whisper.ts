// A toy Whisper, in memory or as a Hugging Face folder, and sounds by a rule like that of its
// weights.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelSource } from '../../worker/engine/build-model.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import { aSequence } from '../builders/training.ts';
import { type Fields, toySource, toyTensors, writeTensors } from './weights.ts';

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

export function whisperSource(changes: Fields = {}): ModelSource {
  return toySource(whisperJson(changes));
}

/** Returns the folder. */
export async function makeWhisper(
  folder: string,
  { dtype = 'float32', config = {} }: { readonly dtype?: DType; readonly config?: Fields } = {},
): Promise<string> {
  const json = whisperJson({ ...config, torch_dtype: dtype });
  await writeTensors(folder, toyTensors(json), dtype);
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
