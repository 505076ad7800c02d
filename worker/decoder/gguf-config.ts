// GGUF metadata → the equivalent `config.json`, so that one reader (config.ts) decides what is
// computed, and a model from GGUF can be written as a Hugging Face folder.
import { UserError } from '../../crds/failures/errors.ts';
import type { GgufHeader } from '../files/gguf-header.ts';
import { type FamilyName, families, familyNames } from './families.ts';
import { GgufMetadata } from './gguf-metadata.ts';
import { ggufArchitectures, ggufName, ropeTables } from './gguf-names.ts';
import { llama3FromDivisors } from './rope-divisors.ts';

type ConfigJson = Readonly<Record<string, unknown>>;
/** Values of a small float32 tensor of the file. */
export type ReadTable = (name: string) => readonly number[];

export function ggufToConfigJson(
  header: GgufHeader,
  readTable: ReadTable | null,
  path: string,
): ConfigJson {
  const metadata = new GgufMetadata(header, path);
  const family = familyOf(metadata, path);
  const facts: Facts = { header, metadata, family, arch: ggufArchitectures[family], path };
  if ((metadata.number(`${facts.arch}.expert_count`) ?? 0) > 0) {
    throw new UserError({
      code: 'E_UNKNOWN_ARCHITECTURE',
      path,
      message: `${path} is a mixture of experts; this decoder does not compute that`,
    });
  }
  const sizes = sizesOf(facts);
  return {
    architectures: families[family].architectures.slice(0, 1),
    model_type: families[family].modelTypes[0],
    ...sizes,
    ...attentionOf(facts, sizes),
    ...ropeOf(facts, sizes, readTable),
    ...specialIds(metadata),
  };
}

/** Not used here, but written with an exported folder, for generation. */
function specialIds(metadata: GgufMetadata): ConfigJson {
  const named = { bos: 'bos', eos: 'eos', pad: 'padding' };
  const pairs = Object.entries(named).map(([name, key]) => {
    return [`${name}_token_id`, metadata.number(`tokenizer.ggml.${key}_token_id`)] as const;
  });
  return Object.fromEntries(pairs.filter(([, id]) => id !== undefined));
}

interface Facts {
  readonly header: GgufHeader;
  readonly metadata: GgufMetadata;
  readonly family: FamilyName;
  readonly arch: string;
  readonly path: string;
}

function familyOf(metadata: GgufMetadata, path: string): FamilyName {
  const arch = metadata.text('general.architecture');
  const family = familyNames.find((name) => ggufArchitectures[name] === arch);
  if (family !== undefined) return family;
  const known = [...new Set(Object.values(ggufArchitectures))].join(', ');
  throw new UserError({
    code: 'E_UNKNOWN_ARCHITECTURE',
    path,
    value: arch,
    message: `${path}: general.architecture is ${JSON.stringify(arch) ?? 'missing'}; supported are ${known}`,
  });
}

type Sizes = ReturnType<typeof sizesOf>;

function sizesOf({ header, metadata, arch, path }: Facts) {
  const required = (key: string): number => {
    const value = metadata.uniform(`${arch}.${key}`);
    if (value !== undefined) return value;
    throw new UserError({
      code: 'E_INVALID_MODEL',
      path,
      message: `${path} has no ${arch}.${key}, which is required`,
    });
  };
  const embedding = ggufName({ role: 'embedding', place: 'embedding', part: 'weight' });
  const H = required('embedding_length');
  const NH = required('attention.head_count');
  return {
    vocab_size: header.tensors.get(embedding)?.shape[0],
    hidden_size: H,
    intermediate_size: required('feed_forward_length'),
    num_hidden_layers: required('block_count'),
    num_attention_heads: NH,
    num_key_value_heads: metadata.uniform(`${arch}.attention.head_count_kv`) ?? NH,
    head_dim: metadata.number(`${arch}.attention.key_length`) ?? H / NH,
    max_position_embeddings: required('context_length'),
    rms_norm_eps: metadata.number(`${arch}.attention.layer_norm_rms_epsilon`),
    tie_word_embeddings: !header.tensors.has(
      ggufName({ role: 'head', place: 'head', part: 'weight' }),
    ),
    attention_bias: hasBias(header, 'q') || hasBias(header, 'o'),
    mlp_bias: hasBias(header, 'gate'),
  };
}

function hasBias(header: GgufHeader, role: 'q' | 'o' | 'gate'): boolean {
  return header.tensors.has(ggufName({ role, place: 0, part: 'bias' }));
}

function attentionOf({ metadata, family, arch }: Facts, sizes: Sizes): ConfigJson {
  const key = (name: string): number | undefined => metadata.number(`${arch}.${name}`);
  const window = key('attention.sliding_window');
  const { defaults, queryScalar, window: rule } = families[family];
  if (rule.type === 'none' || rule.type === 'upper') return {};
  if (!queryScalar) return { sliding_window: window ? window : null };
  const scale = key('attention.scale');
  return {
    sliding_window: window ?? (family === 'gemma2' ? defaults.sliding_window : null),
    query_pre_attn_scalar: scale === undefined ? scalarBySize(family, sizes) : scalarOf(scale),
    final_logit_softcapping:
      key('final_logit_softcapping') ?? defaults.final_logit_softcapping ?? null,
    attn_logit_softcapping:
      key('attn_logit_softcapping') ?? defaults.attn_logit_softcapping ?? null,
    ...patternOf(metadata, `${arch}.attention.sliding_window_pattern`),
  };
}

/**
 * An integer in every published model; the file has its inverse square root, rounded to float32.
 */
function scalarOf(scale: number): number {
  const scalar = scale ** -2;
  const whole = Math.round(scalar);
  return Math.abs(scalar - whole) <= 4 * 2 ** -24 * scalar ? whole : scalar;
}

/** GGUF has no field for it: the two 27B models scale by H / NH, all others by the head size. */
function scalarBySize(family: FamilyName, sizes: Sizes): number {
  const layersOf27B = family === 'gemma2' ? 46 : 62;
  const { hidden_size: H, num_attention_heads: NH, head_dim: D } = sizes;
  return sizes.num_hidden_layers === layersOf27B ? H / NH : D;
}

function patternOf(metadata: GgufMetadata, key: string): ConfigJson {
  const period = metadata.number(key);
  return period === undefined ? {} : { sliding_window_pattern: period };
}

function ropeOf(facts: Facts, sizes: Sizes, readTable: ReadTable | null): ConfigJson {
  const { metadata, arch, family } = facts;
  const dims = metadata.number(`${arch}.rope.dimension_count`) ?? sizes.head_dim;
  const theta = metadata.number(`${arch}.rope.freq_base`) ?? 10_000;
  const original = metadata.number(`${arch}.rope.scaling.original_context_length`);
  return {
    rope_theta: theta,
    ...(family === 'gemma3'
      ? { rope_local_base_freq: metadata.number(`${arch}.rope.freq_base_swa`) ?? 10_000 }
      : {}),
    ...(dims === sizes.head_dim ? {} : { partial_rotary_factor: dims / sizes.head_dim }),
    ...(family === 'phi3' && original !== undefined
      ? { original_max_position_embeddings: original }
      : {}),
    ...scalingOf(facts, { theta, dims, original }, readTable),
  };
}

interface RopeFacts {
  readonly theta: number;
  readonly dims: number;
  readonly original: number | undefined;
}

function scalingOf(facts: Facts, rope: RopeFacts, readTable: ReadTable | null): ConfigJson {
  const { header, metadata, arch, path } = facts;
  const key = (name: string): number | undefined => metadata.number(`${arch}.rope.scaling.${name}`);
  const hasTable = header.tensors.has(ropeTables.llama3) || header.tensors.has(ropeTables.long);
  if (hasTable && readTable === null) return {};
  if (readTable !== null && header.tensors.has(ropeTables.llama3)) {
    return { rope_scaling: llama3FromDivisors(readTable(ropeTables.llama3), rope) };
  }
  if (readTable !== null && header.tensors.has(ropeTables.long)) {
    return {
      rope_scaling: {
        rope_type: 'longrope',
        long_factor: readTable(ropeTables.long),
        short_factor: readTable(ropeTables.short),
        attention_factor: longropeAttention(key('attn_factor'), facts, rope),
      },
    };
  }
  const type = metadata.text(`${arch}.rope.scaling.type`) ?? 'none';
  const factor = key('factor') ?? metadata.number(`${arch}.rope.scale_linear`) ?? 1;
  if (type === 'none' || (type === 'linear' && factor === 1)) return {};
  if (type === 'linear') return { rope_scaling: { rope_type: 'linear', factor } };
  if (type === 'yarn') {
    return {
      rope_scaling: {
        ...{ rope_type: 'yarn', factor, original_max_position_embeddings: rope.original },
        ...{ attention_factor: yarnAttention(key('attn_factor'), factor) },
        ...{ beta_fast: key('yarn_beta_fast'), beta_slow: key('yarn_beta_slow') },
      },
    };
  }
  throw new UserError({
    code: 'E_UNKNOWN_ARCHITECTURE',
    path,
    value: type,
    message: `${path}: ${arch}.rope.scaling.type is "${type}"; it must be none, linear or yarn`,
  });
}

/** The file always has the number; omitted where it follows from the lengths. */
function longropeAttention(
  inFile: number | undefined,
  { metadata, arch }: Facts,
  { original = Number.POSITIVE_INFINITY }: RopeFacts,
): number | undefined {
  const factor = (metadata.number(`${arch}.context_length`) ?? original) / original;
  const usual = factor > 1 ? Math.sqrt(1 + Math.log(factor) / Math.log(original)) : 1;
  const isUsual = inFile === undefined || Math.abs(inFile - usual) <= 4 * 2 ** -24 * usual;
  return isUsual ? undefined : inFile;
}

/** Readers of the format multiply this factor on top of yarn's own `0.1 ln s + 1`. */
function yarnAttention(factorInFile: number | undefined, factor: number): number | undefined {
  if (factorInFile === undefined || factorInFile === 1 || factor <= 1) return undefined;
  return factorInFile * (0.1 * Math.log(factor) + 1);
}
