// The tensors of a decoder: names as in Hugging Face files, roles, and shapes from the record. A
// module path is a name without `.weight`, so the worker never translates names.
import type { Place, TensorSpec } from '../families/family.ts';
import type { DecoderConfig } from './config.ts';

export type Role =
  | 'embedding'
  | 'inputNorm'
  | 'q'
  | 'k'
  | 'v'
  | 'qkv'
  | 'o'
  | 'qNorm'
  | 'kNorm'
  /** After attention, before the residual sum (Gemma-2/3). */
  | 'postAttentionNorm'
  /** Before the MLP, in every family. */
  | 'preMlpNorm'
  /** After the MLP, before the residual sum (Gemma-2/3). */
  | 'postMlpNorm'
  | 'gate'
  | 'up'
  | 'gateUp'
  | 'down'
  | 'finalNorm'
  | 'head';

export interface DecoderTensor extends TensorSpec {
  readonly role: Role;
  readonly part: 'weight' | 'bias';
}

/** Every tensor of the decoder, in the order of computation. */
export function tensorSpecs(config: DecoderConfig): readonly DecoderTensor[] {
  const blocks = Array.from({ length: config.L }, (_, layer) => blockSpecs(config, layer)).flat();
  const norm = outside(config, 'finalNorm', 'head', 'norm');
  const head = outside(config, 'head', 'head', 'linear');
  return [
    outside(config, 'embedding', 'embedding', 'table'),
    ...blocks,
    norm,
    ...(config.tied ? [] : [head]),
  ];
}

function outside(
  config: DecoderConfig,
  role: Role,
  place: Place,
  kind: DecoderTensor['kind'],
): DecoderTensor {
  // A trap: the vocabulary of Gemma-3 files has rows for images behind those of text.
  const isPartOfTable = config.family === 'gemma3' && role === 'embedding';
  const name = tensorName(config, role);
  return { name, place, kind, role, part: 'weight', isPartOfTable, ...shapeOf(config, role) };
}

export function blockSpecs(config: DecoderConfig, layer: number): readonly DecoderTensor[] {
  return blockRoles(config).flatMap((role): readonly DecoderTensor[] => {
    const { shape, from } = shapeOf(config, role);
    const spec = { role, place: layer, from, isPartOfTable: false };
    const kind = /norm$/i.test(role) ? 'norm' : 'linear';
    const name = tensorName(config, role, layer);
    const weight = { ...spec, name, kind, part: 'weight', shape } as const;
    if (!hasBias(config, role)) return [weight];
    const ofBias = tensorName(config, role, layer, 'bias');
    const bias = { name: ofBias, kind: 'bias', part: 'bias', shape: shape.slice(0, 1) } as const;
    return [weight, { ...spec, ...bias }];
  });
}

function blockRoles(config: DecoderConfig): readonly Role[] {
  const { fused, qkNorm, sandwichNorms } = config;
  return [
    'inputNorm',
    ...(fused ? (['qkv'] as const) : (['q', 'k', 'v'] as const)),
    ...(qkNorm ? (['qNorm', 'kNorm'] as const) : []),
    'o',
    ...(sandwichNorms ? (['postAttentionNorm'] as const) : []),
    'preMlpNorm',
    ...(fused ? (['gateUp'] as const) : (['gate', 'up'] as const)),
    'down',
    ...(sandwichNorms ? (['postMlpNorm'] as const) : []),
  ];
}

const blockNames: Readonly<Record<Role, string>> = {
  embedding: 'model.embed_tokens',
  finalNorm: 'model.norm',
  head: 'lm_head',
  inputNorm: 'input_layernorm',
  q: 'self_attn.q_proj',
  k: 'self_attn.k_proj',
  v: 'self_attn.v_proj',
  qkv: 'self_attn.qkv_proj',
  o: 'self_attn.o_proj',
  qNorm: 'self_attn.q_norm',
  kNorm: 'self_attn.k_norm',
  postAttentionNorm: 'post_attention_layernorm',
  preMlpNorm: 'pre_feedforward_layernorm',
  postMlpNorm: 'post_feedforward_layernorm',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  gateUp: 'mlp.gate_up_proj',
  down: 'mlp.down_proj',
};

/** Roles of a block need `layer`. */
export function tensorName(
  config: Pick<DecoderConfig, 'sandwichNorms'>,
  role: Role,
  layer?: number,
  part: 'weight' | 'bias' = 'weight',
): string {
  // A trap: with two norms a block, Gemma's norm *after* attention has the name that others use for
  // the one *before* the MLP.
  const isMlpNorm = role === 'preMlpNorm' && !config.sandwichNorms;
  const module = blockNames[isMlpNorm ? 'postAttentionNorm' : role];
  return layer === undefined ? `${module}.${part}` : `model.layers.${layer}.${module}.${part}`;
}

export const embeddingName = 'model.embed_tokens.weight';
export const finalNormName = 'model.norm.weight';

/** Name of the matrix that turns hidden states into logits: the embedding itself when tied. */
export function headName({ tied }: Pick<DecoderConfig, 'tied'>): string {
  return tied ? embeddingName : 'lm_head.weight';
}

export function modulePath(name: string): string {
  return name.replace(/\.(weight|bias)$/, '');
}

function hasBias({ bias }: DecoderConfig, role: Role): boolean {
  if (role === 'q' || role === 'k' || role === 'v' || role === 'qkv') return bias.qkv;
  if (role === 'o') return bias.o;
  return bias.mlp && (role === 'gate' || role === 'up' || role === 'gateUp' || role === 'down');
}

function shapeOf(
  { V, H, NH, NK, D, I }: DecoderConfig,
  role: Role,
): Pick<DecoderTensor, 'shape' | 'from'> {
  const hidden = `hidden_size=${H}`;
  const keyValue = `num_key_value_heads=${NK}, head_dim=${D}`;
  const query = `num_attention_heads=${NH}, head_dim=${D}`;
  switch (role) {
    case 'q':
      return { shape: [NH * D, H], from: `${query} and ${hidden}` };
    case 'k':
    case 'v':
      return { shape: [NK * D, H], from: `${keyValue} and ${hidden}` };
    case 'qkv':
      return {
        shape: [(NH + 2 * NK) * D, H],
        from: `num_attention_heads=${NH}, ${keyValue} and ${hidden}`,
      };
    case 'o':
      return { shape: [H, NH * D], from: `${hidden}, ${query}` };
    case 'qNorm':
    case 'kNorm':
      return { shape: [D], from: `head_dim=${D}` };
    case 'gate':
    case 'up':
      return { shape: [I, H], from: `intermediate_size=${I} and ${hidden}` };
    case 'gateUp':
      return { shape: [2 * I, H], from: `intermediate_size=${I} and ${hidden}` };
    case 'down':
      return { shape: [H, I], from: `${hidden} and intermediate_size=${I}` };
    case 'embedding':
    case 'head':
      return { shape: [V, H], from: `vocab_size=${V} and ${hidden}` };
    case 'inputNorm':
    case 'postAttentionNorm':
    case 'preMlpNorm':
    case 'postMlpNorm':
    case 'finalNorm':
      return { shape: [H], from: hidden };
  }
}

const prefixes = ['language_model.model.', 'model.language_model.'];
/** Parts of multimodal files, and caches in old ones, that a text decoder does not have. */
const ignored = [
  /\.rotary_emb\.inv_freq$/,
  /^(model\.)?(vision_tower|multi_modal_projector|vision_model|audio_tower)\./,
];

/** The worker's name of a tensor in a file; null for one that text training does not use. */
export function canonicalName(nameInFile: string): string | null {
  if (ignored.some((pattern) => pattern.test(nameInFile))) return null;
  const prefix = prefixes.find((each) => nameInFile.startsWith(each));
  if (prefix !== undefined) return `model.${nameInFile.slice(prefix.length)}`;
  return nameInFile.replace(/^language_model\.lm_head\./, 'lm_head.');
}
