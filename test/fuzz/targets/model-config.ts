// config.json of a model: any JSON gives a record of its family or a sentence.
import { jsonLimits, parseJson, RefusedBytes } from '../../../crds/text/json.ts';
import { decoderConfig } from '../../../worker/decoder/config.ts';
import { familyOf, readModelConfig } from '../../../worker/decoder/registry.ts';
import { ropeFrequencies } from '../../../worker/decoder/rope.ts';
import { nests } from '../nests.ts';
import type { Target } from '../target.ts';

const llama = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 4,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
  rope_scaling: {
    rope_type: 'llama3',
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 32,
  },
};
const gemma = {
  ...llama,
  architectures: ['Gemma3ForCausalLM'],
  model_type: 'gemma3_text',
  head_dim: 4,
  sliding_window: 16,
  layer_types: ['sliding_attention', 'full_attention'],
  rope_scaling: null,
};
const roberta = {
  architectures: ['RobertaForSequenceClassification'],
  model_type: 'roberta',
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  vocab_size: 4,
  layer_norm_eps: 1e-5,
  max_position_embeddings: 66,
  pad_token_id: 1,
  type_vocab_size: 1,
  id2label: { 0: 'no', 1: 'yes' },
  hidden_dropout_prob: 0,
};
const dinov2 = {
  architectures: ['Dinov2ForImageClassification'],
  model_type: 'dinov2',
  hidden_size: 8,
  mlp_ratio: 2,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  layer_norm_eps: 1e-6,
  image_size: [28, 28],
  patch_size: 14,
  num_channels: 3,
  qkv_bias: true,
  use_swiglu_ffn: false,
  id2label: { 0: 'no', 1: 'yes' },
  drop_path_rate: 0,
};
const srvgg = {
  architectures: ['SRVGGNetCompact'],
  model_type: 'srvgg',
  num_in_ch: 3,
  num_out_ch: 3,
  num_feat: 8,
  num_conv: 4,
  upscale: 2,
  act_type: 'prelu',
};

const dit = {
  _class_name: 'DiTTransformer2DModel',
  num_attention_heads: 2,
  attention_head_dim: 4,
  in_channels: 1,
  out_channels: 2,
  num_layers: 2,
  dropout: 0,
  attention_bias: true,
  sample_size: 8,
  patch_size: 2,
  activation_fn: 'gelu-approximate',
  num_embeds_ada_norm: 10,
  norm_type: 'ada_norm_zero',
  norm_elementwise_affine: false,
  norm_eps: 1e-6,
};

const whisper = {
  architectures: ['WhisperForConditionalGeneration'],
  model_type: 'whisper',
  d_model: 8,
  num_mel_bins: 4,
  encoder_layers: 1,
  decoder_layers: 2,
  encoder_attention_heads: 2,
  decoder_attention_heads: 2,
  encoder_ffn_dim: 16,
  decoder_ffn_dim: 16,
  max_source_positions: 8,
  max_target_positions: 8,
  vocab_size: 16,
  scale_embedding: false,
  dropout: 0,
};

const clip = {
  architectures: ['CLIPModel'],
  model_type: 'clip',
  projection_dim: 4,
  text_config: { vocab_size: 8, hidden_size: 8, num_attention_heads: 2, eos_token_id: 2 },
  vision_config: { hidden_size: 8, num_attention_heads: 2, image_size: 28, patch_size: 14 },
};
const dual = {
  architectures: ['VisionTextDualEncoderModel'],
  model_type: 'vision-text-dual-encoder',
  text_config: { ...roberta, architectures: ['BertModel'], model_type: 'bert' },
  vision_config: { ...dinov2, architectures: ['Dinov2Model'] },
};

export const target: Target = {
  seeds: [llama, gemma, roberta, dinov2, dit, srvgg, whisper, clip, dual].map((config) =>
    JSON.stringify(config),
  ),
  words: [
    ...nests,
    ...[
      'LlamaForCausalLM',
      'MistralForCausalLM',
      'Qwen2ForCausalLM',
      'Qwen3ForCausalLM',
      'Phi3ForCausalLM',
    ],
    ...[
      'Gemma2ForCausalLM',
      'yarn',
      'linear',
      'dynamic',
      'longrope',
      'default',
      'mistral',
      'qwen3',
      'phi3',
      'gemma2',
    ],
    ...[
      '"rope_parameters"',
      '"long_factor"',
      '"short_factor"',
      '"beta_fast"',
      '"partial_rotary_factor"',
      '"text_config"',
    ],
    ...[
      '"use_sliding_window"',
      '"max_window_layers"',
      '"attention_bias"',
      '"hidden_act"',
      '"bert"',
      '"num_labels"',
      '"position_embedding_type"',
      '"vit"',
      '"intermediate_size"',
      'null',
      '[]',
      '{}',
      '0',
      '-1',
    ],
  ],
  run(bytes) {
    const json = parse(bytes);
    if (json === undefined) return;
    const config = readModelConfig(json, { path: 'config.json' });
    // Of a plan for a real machine only what is not larger than one is worth spelling out.
    if (config.L > 64 || config.D > 1024) return;
    const family = familyOf(config);
    family.tensors(config);
    if (family.kind === 'decoder') ropeFrequencies(decoderConfig(config).rope.full, 128);
  },
};

/** Whoever reads the file says what is wrong with it; here such an input is of no use. */
function parse(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, jsonLimits.modelConfig);
  } catch (error) {
    if (error instanceof RefusedBytes) return undefined;
    throw error;
  }
}
