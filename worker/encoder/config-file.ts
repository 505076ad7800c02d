// Parses an untrusted `config.json` of an encoder: the fields that decide what is computed. Fields
// without effect on training are dropped silently.
import { z } from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import {
  count,
  type Fields,
  fieldsOf,
  finite,
  parseFields,
  positive,
} from '../families/config-json.ts';

/** Classes that a head may tell apart. */
export const mostLabels = 65_536;

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
  initializer_range: finite.min(0).nullish(),
  pad_token_id: z
    .int()
    .min(0)
    .max(2 ** 24)
    .nullish(),
  num_labels: z.int().min(0).max(mostLabels).nullish(),
  id2label: z
    .record(z.string(), z.unknown())
    .refine((names) => Object.keys(names).length <= mostLabels, `must have ${mostLabels} at most`)
    .nullish(),
  hidden_dropout_prob: finite.nullish(),
  attention_probs_dropout_prob: finite.nullish(),
  classifier_dropout: finite.nullish(),
});
export type ConfigFields = z.output<typeof configFields>;

export function parseConfigFile(json: unknown, path: string): ConfigFields {
  const fields = fieldsOf(json, path);
  refuseOtherMathematics(fields, path);
  return parseFields(configFields, fields, path);
}

interface Refusal {
  readonly is: (value: unknown) => boolean;
  readonly means: string;
}

const isTrue = (value: unknown): boolean => value === true;

/** Fields whose value means that the model computes something that this encoder does not. */
const refused: Readonly<Record<string, Refusal>> = {
  position_embedding_type: {
    is: (value) => value !== 'absolute',
    means: 'positions relative to each other',
  },
  is_decoder: { is: isTrue, means: 'attention to earlier tokens alone' },
  add_cross_attention: { is: isTrue, means: 'attention to another model' },
  problem_type: {
    is: (value) => value !== 'single_label_classification',
    means: 'a loss other than that of one class of several',
  },
  quantization_config: { is: () => true, means: 'weights that are already quantised' },
};

function refuseOtherMathematics(fields: Fields, path: string): void {
  for (const [key, { is, means }] of Object.entries(refused)) {
    const value = fields[key];
    if (value === undefined || value === null || !is(value)) continue;
    const shown = typeof value === 'object' ? '' : ` to ${JSON.stringify(value)}`;
    throw new UserError({
      code: 'E_UNKNOWN_ARCHITECTURE',
      path,
      value,
      message: `${path} sets ${key}${shown}, which means ${means}; this encoder does not compute that`,
    });
  }
}
