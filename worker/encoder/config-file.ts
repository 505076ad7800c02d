// Parses an untrusted `config.json` of an encoder: the fields that decide what is computed. Fields
// without effect on training are dropped silently.
import { z } from 'zod';
import { classFields } from '../families/class-fields.ts';
import {
  count,
  fieldsOf,
  finite,
  isTrue,
  parseFields,
  positive,
  type Refusals,
  refusedOfClassifiers,
  refuseOtherMathematics,
} from '../families/config-json.ts';

const configFields = z.object({
  model_type: z.string(),
  architectures: z.array(z.string()).max(16).nullish(),
  auto_map: z.record(z.string(), z.unknown()).nullish(),
  vocab_size: count(2 ** 26).nullish(),
  hidden_size: count(2 ** 20).nullish(),
  intermediate_size: count(2 ** 22).nullish(),
  num_hidden_layers: count(4096).nullish(),
  num_attention_heads: count(65_536).nullish(),
  hidden_act: z.string().nullish(),
  max_position_embeddings: count(2 ** 24).nullish(),
  type_vocab_size: count(65_536).nullish(),
  layer_norm_eps: positive.nullish(),
  pad_token_id: z
    .int()
    .min(0)
    .max(2 ** 24)
    .nullish(),
  ...classFields,
  hidden_dropout_prob: finite.nullish(),
  attention_probs_dropout_prob: finite.nullish(),
  classifier_dropout: finite.nullish(),
});
export type ConfigFields = z.output<typeof configFields>;

export function parseConfigFile(json: unknown, path: string): ConfigFields {
  const fields = fieldsOf(json, path);
  refuseOtherMathematics(fields, refused, { path, what: 'this encoder' });
  return parseFields(configFields, fields, path);
}

const refused: Refusals = {
  position_embedding_type: {
    is: (value) => value !== 'absolute',
    means: 'positions relative to each other',
  },
  is_decoder: { is: isTrue, means: 'attention to earlier tokens alone' },
  add_cross_attention: { is: isTrue, means: 'attention to another model' },
  ...refusedOfClassifiers,
};
