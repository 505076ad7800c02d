// `config.json` of toys of two towers, of unlike widths and depths. Numbers that transformers wants
// with a point are left to its defaults: JSON has no form for them.

type Fields = Readonly<Record<string, unknown>>;

export type ClipToy = 'clip' | 'clip-former' | 'dual';

const clip = {
  ...{ model_type: 'clip', architectures: ['CLIPModel'], projection_dim: 10 },
  text_config: {
    ...{ vocab_size: 40, hidden_size: 16, intermediate_size: 28, num_hidden_layers: 3 },
    ...{ num_attention_heads: 2, max_position_embeddings: 9, hidden_act: 'quick_gelu' },
    ...{ eos_token_id: 39, bos_token_id: 38, pad_token_id: 1, layer_norm_eps: 1e-5 },
  },
  vision_config: {
    ...{ hidden_size: 24, intermediate_size: 36, num_hidden_layers: 2, num_attention_heads: 4 },
    ...{ image_size: 12, patch_size: 4, num_channels: 3, hidden_act: 'quick_gelu' },
    layer_norm_eps: 1e-5,
  },
} as const;

const former = { ...clip.text_config, eos_token_id: 2, hidden_act: 'gelu' };

const dual = {
  model_type: 'vision-text-dual-encoder',
  ...{ architectures: ['VisionTextDualEncoderModel'], projection_dim: 10 },
  text_config: {
    ...{ model_type: 'bert', architectures: ['BertModel'], vocab_size: 40, hidden_size: 16 },
    ...{ intermediate_size: 36, num_hidden_layers: 2, num_attention_heads: 4, hidden_act: 'gelu' },
    ...{ max_position_embeddings: 16, type_vocab_size: 2, pad_token_id: 0, layer_norm_eps: 1e-12 },
  },
  vision_config: {
    ...{ model_type: 'dinov2', architectures: ['Dinov2Model'], hidden_size: 24, mlp_ratio: 2 },
    ...{ num_hidden_layers: 2, num_attention_heads: 4, hidden_act: 'gelu', qkv_bias: true },
    ...{ image_size: 12, patch_size: 4, num_channels: 3, layer_norm_eps: 1e-6 },
  },
} as const;

export function clipJson(name: ClipToy, changes: Fields = {}): Fields {
  if (name === 'dual') return { ...dual, ...changes };
  return { ...clip, ...(name === 'clip-former' && { text_config: former }), ...changes };
}
