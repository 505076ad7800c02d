// The two spellings of RoPE in `config.json`. Old: `rope_theta`, `rope_scaling`,
// `partial_rotary_factor` at top level. New: `rope_parameters` with the same fields, once or for
// each layer type. The dictionary takes precedence over the top level, which takes precedence over
// the class default.
import { UserError } from '../../crds/failures/errors.ts';
import type { ConfigFields, RopeDictionary } from './config-file.ts';
import type { DecoderFamily } from './families.ts';
import type { RopeConfig, RopeKind } from './rope.ts';

interface RopePair {
  readonly full: RopeConfig;
  readonly sliding?: RopeConfig;
}

export function readRope(
  fields: ConfigFields,
  family: DecoderFamily,
  D: number,
  path: string,
): RopePair {
  const reader: Reader = { fields, family, D, path };
  const { rope_parameters: parameters } = fields;
  const isNested = parameters?.full_attention != null || parameters?.sliding_attention != null;
  const full = (isNested ? parameters?.full_attention : (fields.rope_scaling ?? parameters)) ?? {};
  const local = family.defaults.rope_local_base_freq;
  const result = { full: toRope(reader, full, fields.rope_theta ?? family.defaults.rope_theta) };
  if (isNested && parameters?.sliding_attention != null) {
    const theta = fields.rope_local_base_freq ?? local ?? fields.rope_theta;
    const { sliding_attention: sliding } = parameters;
    return { ...result, sliding: toRope(reader, sliding, theta ?? family.defaults.rope_theta) };
  }
  if (local === undefined) return result;
  return { ...result, sliding: toRope(reader, {}, fields.rope_local_base_freq ?? local) };
}

interface Reader {
  readonly fields: ConfigFields;
  readonly family: DecoderFamily;
  readonly D: number;
  readonly path: string;
}

function toRope(reader: Reader, dictionary: RopeDictionary, defaultTheta: number): RopeConfig {
  const { fields, D, path } = reader;
  const kind = kindOf(reader, dictionary.rope_type ?? dictionary.type ?? 'default');
  const partial = dictionary.partial_rotary_factor ?? fields.partial_rotary_factor ?? 1;
  const dims = Math.floor(D * partial);
  if (dims % 2 !== 0 || dims === 0) {
    throw invalid(
      path,
      `the rotated size of a head is ${dims} (head size ${D}, partial_rotary_factor ${partial}); ` +
        'it must be even',
    );
  }
  const base = { theta: dictionary.rope_theta ?? defaultTheta, dims };
  return { ...base, kind, ...scaling(reader, kind, dictionary, dims) };
}

const kinds: Readonly<Record<string, RopeKind>> = {
  default: 'default',
  linear: 'linear',
  dynamic: 'dynamic',
  llama3: 'llama3',
  yarn: 'yarn',
  longrope: 'longrope',
  su: 'longrope',
};

function kindOf({ family, path }: Reader, name: string): RopeKind {
  // Phi-3's first files called their method "su", then "yarn".
  if (family.fused && name === 'yarn') return 'longrope';
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (kind !== undefined) return kind;
  throw new UserError({
    code: 'E_UNKNOWN_ARCHITECTURE',
    path,
    value: name,
    message: `${path}: the RoPE type is "${name}"; it must be ${Object.keys(kinds).join(', ')}`,
  });
}

function scaling(
  reader: Reader,
  kind: RopeKind,
  dictionary: RopeDictionary,
  dims: number,
): Omit<RopeConfig, 'theta' | 'dims' | 'kind'> {
  const { fields, family, path } = reader;
  const contextLength = fields.max_position_embeddings ?? family.defaults.max_position_embeddings;
  const originalLength =
    fields.original_max_position_embeddings ??
    family.defaults.original_max_position_embeddings ??
    dictionary.original_max_position_embeddings ??
    contextLength;
  const factor = dictionary.factor ?? contextLength / originalLength;
  const attention = optional({ attentionFactor: dictionary.attention_factor });
  switch (kind) {
    case 'default':
      return {};
    case 'linear':
      return { factor: required(dictionary, 'factor', kind, path) };
    case 'dynamic':
      return {
        factor: required(dictionary, 'factor', kind, path),
        originalLength: contextLength,
      };
    case 'llama3': {
      const low = required(dictionary, 'low_freq_factor', kind, path);
      const high = required(dictionary, 'high_freq_factor', kind, path);
      if (low === high) throw invalid(path, 'low_freq_factor equals high_freq_factor');
      return { factor: required(dictionary, 'factor', kind, path), originalLength, low, high };
    }
    case 'yarn':
      return {
        ...{ factor, originalLength },
        ...attention,
        ...optional({
          betaFast: dictionary.beta_fast,
          betaSlow: dictionary.beta_slow,
          truncate: dictionary.truncate,
          mscale: dictionary.mscale,
          mscaleAllDim: dictionary.mscale_all_dim,
        }),
      };
    case 'longrope':
      return {
        ...{ factor, originalLength },
        ...attention,
        short: divisors(dictionary, 'short_factor', dims, path),
        long: divisors(dictionary, 'long_factor', dims, path),
      };
  }
}

/** The entries that are neither null nor undefined. */
function optional<T extends object>(entries: T): { [K in keyof T]?: NonNullable<T[K]> } {
  // Only present values remain, which the result type states and `Object.entries` cannot infer.
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value != null)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

function required(
  dictionary: RopeDictionary,
  key: 'factor' | 'low_freq_factor' | 'high_freq_factor',
  kind: RopeKind,
  path: string,
): number {
  const value = dictionary[key];
  if (value != null) return value;
  throw invalid(path, `RoPE of type ${kind} has no ${key}; it must have one`);
}

function divisors(
  dictionary: RopeDictionary,
  key: 'short_factor' | 'long_factor',
  dims: number,
  path: string,
): readonly number[] {
  const list = dictionary[key] ?? [];
  if (list.length === dims / 2) return list;
  throw invalid(path, `${key} has ${list.length} entries; it must have ${dims / 2}`);
}

function invalid(path: string, message: string): UserError {
  return new UserError({ code: 'E_INVALID_MODEL', path, message: `${path}: ${message}` });
}
