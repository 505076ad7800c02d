// Parses an untrusted `config.json` of two towers: the fields that decide what is computed. Fields
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

const nested = z.record(z.string(), z.unknown());

const pairFields = z.object({
  model_type: z.string(),
  architectures: z.array(z.string()).max(16).nullish(),
  auto_map: nested.nullish(),
  projection_dim: count(2 ** 20).nullish(),
  text_config: nested.nullish(),
  vision_config: nested.nullish(),
});

const towerFields = {
  hidden_size: count(2 ** 20).nullish(),
  intermediate_size: count(2 ** 22).nullish(),
  num_hidden_layers: count(4096).nullish(),
  num_attention_heads: count(65_536).nullish(),
  hidden_act: z.string().nullish(),
  layer_norm_eps: finite.min(0).nullish(),
  attention_dropout: finite.nullish(),
};

const textFields = z.object({
  ...towerFields,
  vocab_size: count(2 ** 26).nullish(),
  max_position_embeddings: count(2 ** 20).nullish(),
  eos_token_id: z.int().min(0).nullish(),
});
export type TextFields = z.output<typeof textFields>;

const visionFields = z.object({
  ...towerFields,
  image_size: count(65_536).nullish(),
  patch_size: count(65_536).nullish(),
  num_channels: count(64).nullish(),
});

/** The fields of both towers together. */
export function parsePair(json: unknown, path: string): z.output<typeof pairFields> {
  const fields = fieldsOf(json, path);
  refuseOtherMathematics(fields, refused, { path, what: 'this dual encoder' });
  return parseFields(pairFields, fields, path);
}

export function parseText(json: unknown, path: string): TextFields {
  return parseFields(textFields, towerOf(json, path), path);
}

export function parseVision(json: unknown, path: string): z.output<typeof visionFields> {
  return parseFields(visionFields, towerOf(json, path), path);
}

function towerOf(json: unknown, path: string) {
  const fields = fieldsOf(json, path);
  refuseOtherMathematics(fields, ofTower, { path, what: 'a tower of CLIP' });
  return fields;
}

const isSet = () => true;

const refused: Refusals = {
  text_config_dict: { is: isSet, means: 'another configuration of texts beside text_config' },
  vision_config_dict: { is: isSet, means: 'another one of pictures beside vision_config' },
  quantization_config: { is: isSet, means: 'weights that are already quantised' },
};

const ofTower: Refusals = {
  use_swiglu_ffn: { is: isTrue, means: 'MLPs with a gate' },
  head_dim: { is: isSet, means: 'heads of another size than hidden_size divided by them' },
};
