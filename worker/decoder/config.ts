// `config.json` → one record of what the decoder computes. All other code depends on the record
// alone; confirm.ts checks it against the tensors.
import { UserError } from '../../crds/failures/errors.ts';
import { encoderNames } from '../encoder/families.ts';
import { refuseDropout, refuseOtherClasses } from '../families/config-json.ts';
import type { ModelConfig, ReadOptions } from '../families/family.ts';
import { type ConfigFields, parseConfigFile } from './config-file.ts';
import { type DecoderFamily, type FamilyName, families, familyNames } from './families.ts';
import { type LayerKind, layersOf, windowOf } from './layers.ts';
import type { RopeConfig } from './rope.ts';
import { readRope } from './rope-fields.ts';

export type { LayerKind } from './layers.ts';
export type { RopeConfig } from './rope.ts';

export type Activation = 'silu' | 'gelu-tanh' | 'gelu';

export interface DecoderConfig extends ModelConfig {
  readonly kind: 'decoder';
  readonly family: FamilyName;
  readonly normEps: number;
  /** Gemma: `y = n(x) * (1 + w)`. */
  readonly normOffset: 0 | 1;
  readonly activation: Activation;
  /** The head uses the embedding matrix. */
  readonly tied: boolean;
  readonly bias: { readonly qkv: boolean; readonly o: boolean; readonly mlp: boolean };
  /** Phi-3 stores qkv_proj and gate_up_proj. */
  readonly fused: boolean;
  /** RMSNorm over D on q and k, before RoPE. */
  readonly qkNorm: boolean;
  /** Gemma-2/3: a second norm after attention and after the MLP. */
  readonly sandwichNorms: boolean;
  /** 1, or sqrt(H) for Gemma. */
  readonly embedScale: number;
  readonly attentionCap?: number;
  readonly logitCap?: number;
  readonly layers: readonly LayerKind[];
  /** A token attends to itself and `window - 1` tokens before it. */
  readonly window?: number;
  readonly rope: { readonly full: RopeConfig; readonly sliding?: RopeConfig };
}

/** The record of a decoder, for what works with decoders alone. */
export function decoderConfig(config: ModelConfig): DecoderConfig {
  if (isDecoder(config)) return config;
  throw new UserError({
    code: 'E_UNKNOWN_ARCHITECTURE',
    value: config.family,
    message: `the model is a ${config.family}; this works with language models alone: ${familyNames.join(', ')}`,
  });
}

function isDecoder(config: ModelConfig): config is DecoderConfig {
  return familyNames.some((name) => name === config.family);
}

export function readConfig(json: unknown, options: ReadOptions = {}): DecoderConfig {
  const { path = 'config.json', ignoreDropout = false } = options;
  const fields = parseConfigFile(json, path);
  const name = familyOf(fields, path);
  const family = families[name];
  if (!ignoreDropout) {
    const { attention_dropout, resid_pdrop, embd_pdrop } = fields;
    refuseDropout({ attention_dropout, resid_pdrop, embd_pdrop }, path);
  }
  const { defaults } = family;
  const H = fields.hidden_size ?? defaults.hidden_size;
  const NH = fields.num_attention_heads ?? defaults.num_attention_heads;
  const NK =
    (fields.num_key_value_heads === undefined
      ? defaults.num_key_value_heads
      : fields.num_key_value_heads) ?? NH;
  const D = fields.head_dim ?? defaults.head_dim ?? H / NH;
  checkHeads({ H, NH, NK, D }, path);
  const L = fields.num_hidden_layers ?? defaults.num_hidden_layers;
  const rope = readRope(fields, family, D, path);
  const window = windowOf(fields, family);
  const configuredBias = family.qkvBias === 'configured' && (fields.attention_bias ?? false);
  return {
    kind: 'decoder',
    family: name,
    ...{ V: fields.vocab_size ?? defaults.vocab_size, H, L, NH, NK, D },
    I: fields.intermediate_size ?? defaults.intermediate_size,
    normEps: fields.rms_norm_eps ?? defaults.rms_norm_eps,
    normOffset: family.normOffset,
    activation: activationOf(fields, family, path),
    tied: fields.tie_word_embeddings ?? defaults.tie_word_embeddings,
    bias: {
      qkv: configuredBias || family.qkvBias === 'always',
      o: configuredBias,
      mlp: family.mlpBias === 'configured' && (fields.mlp_bias ?? false),
    },
    fused: family.fused,
    qkNorm: family.qkNorm,
    sandwichNorms: family.sandwichNorms,
    embedScale: family.scaledEmbedding ? Math.sqrt(H) : 1,
    attentionScale: (queryScalar(fields, family) ?? D) ** -0.5,
    ...capsOf(fields, family),
    layers: layersOf({ fields, family, L, path }, rope.sliding !== undefined),
    ...(window === undefined ? {} : { window }),
    rope,
    contextLength: fields.max_position_embeddings ?? defaults.max_position_embeddings,
  };
}

function familyOf(fields: ConfigFields, path: string): FamilyName {
  const name = familyNames.find((each) => families[each].modelTypes.includes(fields.model_type));
  if (name === undefined) {
    throw new UserError({
      code: 'E_UNKNOWN_ARCHITECTURE',
      path,
      value: fields.model_type,
      message:
        `${path}: model_type is "${fields.model_type}"; the families that work are ` +
        [...familyNames, ...encoderNames].join(', '),
    });
  }
  refuseOtherClasses(fields, families[name].architectures, path);
  return name;
}

function checkHeads(
  { H, NH, NK, D }: Pick<DecoderConfig, 'H' | 'NH' | 'NK' | 'D'>,
  path: string,
): void {
  const bad = (message: string): UserError =>
    new UserError({ code: 'E_INVALID_MODEL', path, message: `${path}: ${message}` });
  if (!Number.isInteger(D)) {
    throw bad(
      `hidden_size is ${H}, num_attention_heads is ${NH}; without head_dim the first must be a ` +
        'multiple of the second',
    );
  }
  if (NH % NK !== 0) {
    throw bad(`num_attention_heads is ${NH}; it must be a multiple of num_key_value_heads, ${NK}`);
  }
}

function activationOf(fields: ConfigFields, family: DecoderFamily, path: string): Activation {
  const isGemma = family.normOffset === 1;
  const name =
    (isGemma ? fields.hidden_activation : undefined) ??
    fields.hidden_act ??
    family.defaults.hidden_act;
  // Old Gemma files say "gelu" and mean its tanh form.
  if (name === 'gelu') return isGemma ? 'gelu-tanh' : 'gelu';
  if (name === 'silu' || name === 'swish') return 'silu';
  if (name === 'gelu_pytorch_tanh' || name === 'gelu_new') return 'gelu-tanh';
  throw new UserError({
    code: 'E_UNKNOWN_ARCHITECTURE',
    path,
    value: name,
    message: `${path}: hidden_act is "${name}"; it must be silu, gelu or gelu_pytorch_tanh`,
  });
}

function queryScalar(fields: ConfigFields, family: DecoderFamily): number | undefined {
  if (!family.queryScalar) return undefined;
  return fields.query_pre_attn_scalar ?? family.defaults.query_pre_attn_scalar;
}

/** null in the file disables a cap; a missing field is the class default. */
function capsOf(
  fields: ConfigFields,
  family: DecoderFamily,
): Pick<DecoderConfig, 'attentionCap' | 'logitCap'> {
  if (!family.queryScalar) return {};
  const { attn_logit_softcapping: attention, final_logit_softcapping: logit } = {
    ...family.defaults,
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
  };
  return {
    ...(attention ? { attentionCap: attention } : {}),
    ...(logit ? { logitCap: logit } : {}),
  };
}
