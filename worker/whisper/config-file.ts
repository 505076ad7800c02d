// Parses an untrusted `config.json` of Whisper: the fields that decide what is computed. Fields
// without effect on training are dropped silently.
import { z } from 'zod';
import {
  count,
  fieldsOf,
  finite,
  isTrue,
  parseFields,
  type Refusals,
  refuseOtherMathematics,
} from '../families/config-json.ts';

const configFields = z.object({
  model_type: z.string(),
  architectures: z.array(z.string()).max(16).nullish(),
  auto_map: z.record(z.string(), z.unknown()).nullish(),
  vocab_size: count(2 ** 26).nullish(),
  d_model: count(2 ** 20).nullish(),
  num_mel_bins: count(1024).nullish(),
  encoder_layers: count(4096).nullish(),
  decoder_layers: count(4096).nullish(),
  encoder_attention_heads: count(65_536).nullish(),
  decoder_attention_heads: count(65_536).nullish(),
  encoder_ffn_dim: count(2 ** 22).nullish(),
  decoder_ffn_dim: count(2 ** 22).nullish(),
  activation_function: z.string().nullish(),
  max_source_positions: count(2 ** 20).nullish(),
  max_target_positions: count(2 ** 20).nullish(),
  dropout: finite.nullish(),
  attention_dropout: finite.nullish(),
  activation_dropout: finite.nullish(),
  encoder_layerdrop: finite.nullish(),
  decoder_layerdrop: finite.nullish(),
});
export type ConfigFields = z.output<typeof configFields>;

export function parseConfigFile(json: unknown, path: string): ConfigFields {
  const fields = fieldsOf(json, path);
  refuseOtherMathematics(fields, refused, { path, what: 'this Whisper' });
  return parseFields(configFields, fields, path);
}

const isFalse = (value: unknown): boolean => value === false;

const refused: Refusals = {
  scale_embedding: { is: isTrue, means: 'token rows times a factor' },
  tie_word_embeddings: { is: isFalse, means: 'a head apart from the table of tokens' },
  is_encoder_decoder: { is: isFalse, means: 'one of the two halves alone' },
  apply_spec_augment: { is: isTrue, means: 'parts of the sound that are masked while it trains' },
  quantization_config: { is: () => true, means: 'weights that are already quantised' },
};
