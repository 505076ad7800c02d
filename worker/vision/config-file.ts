// Parses an untrusted `config.json` of a vision transformer: the fields that decide what is
// computed. Fields without effect on training are dropped silently.
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

const edge = count(65_536);
const squareRule = 'must be a number, or two equal ones: positions are resized as a square';
const square = z
  .union([edge, z.tuple([edge, edge]).refine(([height, width]) => height === width, squareRule)], {
    error: squareRule,
  })
  .transform((size) => (typeof size === 'number' ? size : size[0]));

const configFields = z.object({
  model_type: z.string(),
  architectures: z.array(z.string()).max(16).nullish(),
  auto_map: z.record(z.string(), z.unknown()).nullish(),
  hidden_size: count(2 ** 20).nullish(),
  intermediate_size: count(2 ** 22).nullish(),
  mlp_ratio: count(1024).nullish(),
  num_hidden_layers: count(4096).nullish(),
  num_attention_heads: count(65_536).nullish(),
  hidden_act: z.string().nullish(),
  layer_norm_eps: positive.nullish(),
  image_size: square.nullish(),
  patch_size: square.nullish(),
  num_channels: count(64).nullish(),
  qkv_bias: z.boolean().nullish(),
  ...classFields,
  hidden_dropout_prob: finite.nullish(),
  attention_probs_dropout_prob: finite.nullish(),
  drop_path_rate: finite.nullish(),
});
export type ConfigFields = z.output<typeof configFields>;

export function parseConfigFile(json: unknown, path: string): ConfigFields {
  const fields = fieldsOf(json, path);
  refuseOtherMathematics(fields, refused, { path, what: 'this vision transformer' });
  return parseFields(configFields, fields, path);
}

const refused: Refusals = {
  use_swiglu_ffn: { is: isTrue, means: 'MLPs with a gate, as the giant DINOv2 has them' },
  head_dim: { is: () => true, means: 'heads of another size than hidden_size divided by them' },
  ...refusedOfClassifiers,
};
