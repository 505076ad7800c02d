// Parses an untrusted `config.json`: the fields that decide what is computed, with bounds that keep
// later loops and products small. Fields without effect on training are dropped silently.
import { z } from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import {
  count,
  type Fields,
  fieldsOf,
  finite,
  length,
  parseFields,
  positive,
} from '../families/config-json.ts';

const ropeDictionary = z.object({
  rope_theta: positive.nullish(),
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  partial_rotary_factor: positive.max(1).nullish(),
  factor: positive.nullish(),
  original_max_position_embeddings: length.nullish(),
  low_freq_factor: positive.nullish(),
  high_freq_factor: positive.nullish(),
  beta_fast: positive.nullish(),
  beta_slow: positive.nullish(),
  truncate: z.boolean().nullish(),
  mscale: finite.nullish(),
  mscale_all_dim: finite.nullish(),
  attention_factor: positive.nullish(),
  short_factor: z.array(positive).max(65_536).nullish(),
  long_factor: z.array(positive).max(65_536).nullish(),
});
export type RopeDictionary = z.output<typeof ropeDictionary>;

const layerType = z.enum(['full_attention', 'sliding_attention']);

const configFields = z.object({
  model_type: z.string(),
  architectures: z.array(z.string()).max(16).nullish(),
  auto_map: z.record(z.string(), z.unknown()).nullish(),
  vocab_size: count(2 ** 26).nullish(),
  hidden_size: count(2 ** 20).nullish(),
  intermediate_size: count(2 ** 22).nullish(),
  num_hidden_layers: count(4096).nullish(),
  num_attention_heads: count(65_536).nullish(),
  num_key_value_heads: count(65_536).nullish(),
  head_dim: count(65_536).nullish(),
  hidden_act: z.string().nullish(),
  hidden_activation: z.string().nullish(),
  max_position_embeddings: length.nullish(),
  original_max_position_embeddings: length.nullish(),
  rms_norm_eps: positive.nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  query_pre_attn_scalar: positive.nullish(),
  attn_logit_softcapping: positive.nullish(),
  final_logit_softcapping: positive.nullish(),
  sliding_window: length.nullish(),
  use_sliding_window: z.boolean().nullish(),
  max_window_layers: z.int().min(0).nullish(),
  sliding_window_pattern: count(4096).nullish(),
  layer_types: z.array(layerType).max(4096).nullish(),
  rope_theta: positive.nullish(),
  rope_local_base_freq: positive.nullish(),
  partial_rotary_factor: positive.max(1).nullish(),
  rope_scaling: ropeDictionary.nullish(),
  rope_parameters: ropeDictionary
    .extend({
      full_attention: ropeDictionary.nullish(),
      sliding_attention: ropeDictionary.nullish(),
    })
    .nullish(),
  dtype: z.string().nullish(),
  torch_dtype: z.string().nullish(),
  attention_dropout: finite.nullish(),
  resid_pdrop: finite.nullish(),
  embd_pdrop: finite.nullish(),
});
export type ConfigFields = z.output<typeof configFields>;

export function parseConfigFile(json: unknown, path: string): ConfigFields {
  const outer = fieldsOf(json, path);
  const source = textPart(outer, path);
  refuseForeignMathematics(
    { ...source, ...pick(outer, ['quantization_config', 'auto_map']) },
    path,
  );
  return parseFields(configFields, source, path);
}

/** The text part of a multimodal file, which is trained; the class names are outside of it. */
function textPart(outer: Fields, path: string): Fields {
  if (!hasTowers(outer)) return outer;
  return {
    ...fieldsOf(outer['text_config'], `${path}: text_config`),
    model_type: 'gemma3',
    architectures: outer['architectures'],
  };
}

/**
 * The `config.json` of the decoder alone, for a folder with only its tensors: without towers, and
 * without names of code.
 */
export function textConfigJson(json: unknown, path: string): Fields {
  const outer = fieldsOf(json, path);
  const { auto_map: _, ...text } = textPart(outer, path);
  if (!hasTowers(outer)) return text;
  return { ...text, model_type: 'gemma3_text', architectures: ['Gemma3ForCausalLM'] };
}

/** Whether the decoder is a part of it; two towers that are compared are another family. */
function hasTowers(outer: Fields): boolean {
  return outer['model_type'] === 'gemma3' && outer['text_config'] !== undefined;
}

function pick(from: Fields, keys: readonly string[]) {
  return Object.fromEntries(keys.filter((key) => key in from).map((key) => [key, from[key]]));
}

/** Fields whose presence means that the model computes something that this decoder does not. */
const foreign: Readonly<Record<string, string>> = {
  num_experts: 'a mixture of experts',
  num_local_experts: 'a mixture of experts',
  n_routed_experts: 'a mixture of experts',
  q_lora_rank: 'latent attention',
  kv_lora_rank: 'latent attention',
  no_rope_layers: 'layers without RoPE',
  no_rope_layer_interval: 'layers without RoPE',
  parallel_attn: 'parallel attention and MLP',
  use_parallel_residual: 'parallel attention and MLP',
  alibi: 'ALiBi positions',
  use_bidirectional_attention: 'attention to later tokens',
  quantization_config: 'weights that are already quantised',
};

function refuseForeignMathematics(fields: Fields, path: string): void {
  for (const [key, meaning] of Object.entries(foreign)) {
    const value = fields[key];
    if (isUnset(value)) continue;
    throw new UserError({
      code: 'E_UNKNOWN_ARCHITECTURE',
      path,
      value,
      message: `${path} sets ${key}, which means ${meaning}; this decoder does not compute that`,
      ...(key === 'quantization_config'
        ? { hint: 'take the original 16-bit weights of the same model, or a GGUF file of it' }
        : {}),
    });
  }
}

/** Absent, null, false, 0, or a list of ones (SmolLM3 writes 1 for a layer *with* RoPE). */
function isUnset(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((entry) => entry === 1);
  return value === undefined || value === null || value === false || value === 0;
}
