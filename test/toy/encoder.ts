// Toys of the encoder families, in memory or as a Hugging Face folder.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EncoderName } from '../../worker/encoder/families.ts';
import type { ModelSource } from '../../worker/engine/build-model.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import type { ReadOptions } from '../../worker/families/family.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import { aSequence } from '../builders/training.ts';
import { tokenizerOf } from './encoder-tokenizer.ts';
import { type Fields, toySource, toyTensors, writeTensors } from './weights.ts';

const sizes = {
  ...{ vocab_size: 40, hidden_size: 24, intermediate_size: 36, num_hidden_layers: 2 },
  ...{ num_attention_heads: 4, hidden_act: 'gelu', initializer_range: 0.02 },
  ...{ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
  id2label: { 0: 'worse', 1: 'same', 2: 'better' },
  label2id: { worse: 0, same: 1, better: 2 },
} as const;

const own = {
  bert: {
    ...{ model_type: 'bert', architectures: ['BertForSequenceClassification'], pad_token_id: 0 },
    ...{ max_position_embeddings: 16, type_vocab_size: 2, layer_norm_eps: 1e-12 },
  },
  roberta: {
    ...{ model_type: 'roberta', architectures: ['RobertaForSequenceClassification'] },
    ...{ pad_token_id: 1, bos_token_id: 0, eos_token_id: 2 },
    ...{ max_position_embeddings: 18, type_vocab_size: 1, layer_norm_eps: 1e-5 },
  },
} as const;

/** A `config.json` with three classes. */
export function encoderJson(name: EncoderName, changes: Fields = {}): Fields {
  return { ...sizes, ...own[name], ...changes };
}

export function encoderSource(name: EncoderName, changes: Fields = {}): ModelSource {
  return toySource(encoderJson(name, changes));
}

interface EncoderToyOptions extends ReadOptions {
  /** @default 'float32' */
  readonly dtype?: DType;
  /** Fields of `config.json` in place of the toy's own. */
  readonly config?: Fields;
  /** Name of a tensor in the file; null: the file does not have it. @default its own */
  readonly inFile?: (name: string) => string | null;
}

/** Returns the folder. */
export async function makeEncoder(
  folder: string,
  name: EncoderName,
  { dtype = 'float32', config = {}, inFile, ...options }: EncoderToyOptions = {},
): Promise<string> {
  const json = encoderJson(name, { ...config, torch_dtype: dtype });
  await writeTensors(folder, toyTensors(json, options), dtype, inFile);
  const tokenizer = tokenizerOf(name, Number(json['vocab_size']));
  for (const [file, value] of [
    ['config.json', json],
    ['tokenizer.json', tokenizer],
    ['tokenizer_config.json', { tokenizer_class: 'PreTrainedTokenizerFast' }],
  ] as const) {
    await writeFile(join(folder, file), `${JSON.stringify(value, null, 2)}\n`);
  }
  return folder;
}

export interface Example {
  readonly ids: readonly number[];
  readonly label: number;
  /** Where the second text of a pair begins. @default no pair */
  readonly second?: number;
}

/** Examples side by side; padding is a document of its own without a label. */
export function classSequence(
  examples: readonly Example[],
  { key = 0, padding = 0 } = {},
): HostSequence {
  const documents = examples.map(({ ids }) => ids);
  const padded = padding > 0 ? [...documents, new Array<number>(padding).fill(0)] : documents;
  const sequence = aSequence(padded, key);
  const labels = sequence.labels.map(() => -100);
  const segments = new Uint8Array(labels.length);
  for (const [i, { ids, label, second = ids.length }] of examples.entries()) {
    const begin = sequence.offsets[i] ?? 0;
    labels[begin] = label;
    segments.fill(1, begin + second, begin + ids.length);
  }
  return { ...sequence, labels, segments, targetCount: examples.length };
}

/** Three pairs and single texts of different lengths. */
export const toyExamples: readonly Example[] = [
  { ids: [3, 10, 17, 24, 31, 38, 5], label: 2, second: 4 },
  { ids: [3, 8, 20], label: 0 },
  { ids: [3, 33, 29, 4, 11, 9, 22, 16, 5, 14], label: 1, second: 3 },
];
