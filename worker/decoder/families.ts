// The differences between the supported decoder families, as data. A value missing in `config.json`
// is the default of the model's class in transformers, so these defaults are here too.

export const familyNames = [
  'llama',
  'mistral',
  'qwen2',
  'qwen3',
  'phi3',
  'gemma',
  'gemma2',
  'gemma3',
] as const;
export type FamilyName = (typeof familyNames)[number];

/** Which layers use a window when the file has no `layer_types`. */
type WindowRule =
  | { readonly type: 'none' }
  | { readonly type: 'all' }
  /** Layers from `max_window_layers` on, only when `use_sliding_window` is set. */
  | { readonly type: 'upper' }
  /** Layer i is full when `(i + 1) % period == 0`. */
  | { readonly type: 'periodic'; readonly period: number };

export interface DecoderFamily {
  readonly modelTypes: readonly string[];
  /** Permitted class names in `architectures`. */
  readonly architectures: readonly string[];
  readonly normOffset: 0 | 1;
  readonly qkNorm: boolean;
  readonly sandwichNorms: boolean;
  readonly fused: boolean;
  /** `configured` reads `attention_bias`, for o as well; the others are fixed by the class. */
  readonly qkvBias: 'always' | 'never' | 'configured';
  readonly mlpBias: 'never' | 'configured';
  /** The embedding is multiplied by sqrt(H). */
  readonly scaledEmbedding: boolean;
  /** `query_pre_attn_scalar` replaces the head size in the attention scale. */
  readonly queryScalar: boolean;
  readonly window: WindowRule;
  readonly defaults: ClassDefaults;
}

interface ClassDefaults {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  /** null: as many as query heads. */
  readonly num_key_value_heads: number | null;
  /** null: `hidden_size / num_attention_heads`. */
  readonly head_dim: number | null;
  readonly hidden_act: string;
  readonly max_position_embeddings: number;
  readonly original_max_position_embeddings?: number;
  readonly rms_norm_eps: number;
  readonly tie_word_embeddings: boolean;
  readonly rope_theta: number;
  readonly rope_local_base_freq?: number;
  readonly sliding_window: number | null;
  readonly max_window_layers?: number;
  readonly query_pre_attn_scalar?: number;
  readonly attn_logit_softcapping?: number;
  readonly final_logit_softcapping?: number;
}

const plain = {
  normOffset: 0,
  qkNorm: false,
  sandwichNorms: false,
  fused: false,
  qkvBias: 'configured',
  mlpBias: 'never',
  scaledEmbedding: false,
  queryScalar: false,
  window: { type: 'none' },
} as const;

const plainDefaults = {
  hidden_act: 'silu',
  head_dim: null,
  num_attention_heads: 32,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
  rope_theta: 10_000,
  sliding_window: null,
} as const;

const gemmaDefaults = {
  ...plainDefaults,
  vocab_size: 256_000,
  head_dim: 256,
  hidden_act: 'gelu_pytorch_tanh',
  max_position_embeddings: 8192,
  tie_word_embeddings: true,
} as const;

const gemma = { ...plain, normOffset: 1, scaledEmbedding: true } as const;

export const families: Readonly<Record<FamilyName, DecoderFamily>> = {
  llama: {
    ...plain,
    modelTypes: ['llama'],
    architectures: ['LlamaForCausalLM', 'LlamaModel'],
    mlpBias: 'configured',
    defaults: {
      ...plainDefaults,
      vocab_size: 32_000,
      hidden_size: 4096,
      intermediate_size: 11_008,
      num_hidden_layers: 32,
      num_key_value_heads: null,
      max_position_embeddings: 2048,
    },
  },
  mistral: {
    ...plain,
    modelTypes: ['mistral'],
    architectures: ['MistralForCausalLM', 'MistralModel'],
    qkvBias: 'never',
    window: { type: 'all' },
    defaults: {
      ...plainDefaults,
      vocab_size: 32_000,
      hidden_size: 4096,
      intermediate_size: 14_336,
      num_hidden_layers: 32,
      num_key_value_heads: 8,
      max_position_embeddings: 131_072,
      sliding_window: 4096,
    },
  },
  qwen2: {
    ...plain,
    modelTypes: ['qwen2'],
    architectures: ['Qwen2ForCausalLM', 'Qwen2Model'],
    qkvBias: 'always',
    window: { type: 'upper' },
    defaults: {
      ...plainDefaults,
      vocab_size: 151_936,
      hidden_size: 4096,
      intermediate_size: 22_016,
      num_hidden_layers: 32,
      num_key_value_heads: 32,
      max_position_embeddings: 32_768,
      sliding_window: 4096,
      max_window_layers: 28,
    },
  },
  qwen3: {
    ...plain,
    modelTypes: ['qwen3'],
    architectures: ['Qwen3ForCausalLM', 'Qwen3Model'],
    qkNorm: true,
    window: { type: 'upper' },
    defaults: {
      ...plainDefaults,
      vocab_size: 151_936,
      hidden_size: 4096,
      intermediate_size: 22_016,
      num_hidden_layers: 32,
      num_key_value_heads: 32,
      head_dim: 128,
      max_position_embeddings: 32_768,
      sliding_window: 4096,
      max_window_layers: 28,
    },
  },
  phi3: {
    ...plain,
    modelTypes: ['phi3'],
    architectures: ['Phi3ForCausalLM', 'Phi3Model'],
    fused: true,
    qkvBias: 'never',
    window: { type: 'all' },
    defaults: {
      ...plainDefaults,
      vocab_size: 32_064,
      hidden_size: 3072,
      intermediate_size: 8192,
      num_hidden_layers: 32,
      num_key_value_heads: null,
      max_position_embeddings: 4096,
      original_max_position_embeddings: 4096,
      rms_norm_eps: 1e-5,
    },
  },
  gemma: {
    ...gemma,
    modelTypes: ['gemma'],
    architectures: ['GemmaForCausalLM', 'GemmaModel'],
    defaults: {
      ...gemmaDefaults,
      hidden_size: 3072,
      intermediate_size: 24_576,
      num_hidden_layers: 28,
      num_attention_heads: 16,
      num_key_value_heads: 16,
    },
  },
  gemma2: {
    ...gemma,
    modelTypes: ['gemma2'],
    architectures: ['Gemma2ForCausalLM', 'Gemma2Model'],
    sandwichNorms: true,
    queryScalar: true,
    window: { type: 'periodic', period: 2 },
    defaults: {
      ...gemmaDefaults,
      hidden_size: 2304,
      intermediate_size: 9216,
      num_hidden_layers: 26,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      query_pre_attn_scalar: 256,
      sliding_window: 4096,
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
    },
  },
  gemma3: {
    ...gemma,
    modelTypes: ['gemma3_text', 'gemma3'],
    architectures: ['Gemma3ForCausalLM', 'Gemma3TextModel', 'Gemma3ForConditionalGeneration'],
    qkNorm: true,
    sandwichNorms: true,
    queryScalar: true,
    window: { type: 'periodic', period: 6 },
    defaults: {
      ...gemmaDefaults,
      vocab_size: 262_208,
      hidden_size: 2304,
      intermediate_size: 9216,
      num_hidden_layers: 26,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      max_position_embeddings: 131_072,
      rope_theta: 1_000_000,
      rope_local_base_freq: 10_000,
      query_pre_attn_scalar: 256,
      sliding_window: 4096,
    },
  },
};
