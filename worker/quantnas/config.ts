// `config.json` of a network that is searched, or was found, → one record of what it computes. No
// library has a configuration of them: both are of this project.
import { z } from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import { count, fieldsOf, parseFields, refuseOtherClasses } from '../families/config-json.ts';
import type { ModelConfig, ReadOptions } from '../families/family.ts';
import { type Choice, operationNames, placesOfCell, type SearchSpace, widths } from './space.ts';

interface Common extends ModelConfig {
  readonly kind: 'restoration';
  /** Values of a pixel, of input and target. */
  readonly colours: number;
  /** Pixels of the target's edge for one of the input's; 1 restores a picture in its size. */
  readonly scale: number;
}

/** What stands for rounding while a network is searched. */
export type Surrogate = 'Noise' | 'Rounding';

/** All operations of the space in each place, weighted by its alphas. */
export interface SupernetConfig extends Common {
  readonly family: 'quantnas-supernet';
  readonly space: SearchSpace;
  readonly surrogate: Surrogate;
}

/** One operation in each place: by cell, then by place. */
export interface FoundConfig extends Common {
  readonly family: 'quantnas';
  readonly genotype: readonly (readonly Choice[])[];
}

export type QuantNasConfig = SupernetConfig | FoundConfig;

export const supernetName = 'quantnas-supernet';
export const foundName = 'quantnas';
export const quantNasNames = [supernetName, foundName] as const;
/** The classes that `config.json` names. */
export const architectureOf = {
  [supernetName]: 'QuantNASSupernet',
  [foundName]: 'QuantNASNetwork',
} as const;

const operation = z.enum(operationNames as [Choice['operation'], ...Choice['operation'][]]);
const bits = z.literal([...widths]);
const mostCells = 64;

const common = {
  model_type: z.string(),
  architectures: z.array(z.string()).max(16).nullish(),
  auto_map: z.record(z.string(), z.unknown()).nullish(),
  num_feat: count(1024),
  upscale: count(8),
};
const unique = (list: readonly unknown[]): boolean => new Set(list).size === list.length;
const supernetFields = z.object({
  ...common,
  num_cells: count(mostCells),
  operations: z
    .array(operation)
    .min(1)
    .max(operationNames.length)
    .refine(unique, 'must name each operation once'),
  bits: z.array(bits).min(1).max(widths.length).refine(unique, 'must name each width once'),
});
const choice = z.object({ operation, bits });
const foundFields = z.object({
  ...common,
  genotype: z.array(z.array(choice).length(placesOfCell)).min(1).max(mostCells),
});

/** Pixels of an input: a document has one token for each. */
export const mostPixels = 2 ** 20;
// It has no vocabulary, no attention and no MLP.
const nothing = { V: 0, NH: 0, NK: 0, D: 0, I: 0, attentionScale: 1 } as const;

export function readQuantNasConfig(json: unknown, options: ReadOptions = {}): QuantNasConfig {
  const { path = 'config.json', surrogate = 'Noise' } = options;
  const fields = fieldsOf(json, path);
  const isFound = fields['model_type'] === foundName;
  if (isFound) {
    const { genotype, ...rest } = parseFields(foundFields, fields, path);
    return { ...commonOf(rest, path), family: foundName, L: genotype.length, genotype };
  }
  const { operations, num_cells: L, bits, ...rest } = parseFields(supernetFields, fields, path);
  const space = { operations, bits: bits.toSorted((a, b) => a - b) };
  return { ...commonOf(rest, path), family: supernetName, L, space, surrogate };
}

type CommonFields = Pick<
  z.output<typeof supernetFields>,
  'model_type' | 'architectures' | 'auto_map' | 'num_feat' | 'upscale'
>;

function commonOf(fields: CommonFields, path: string) {
  const { model_type: type, num_feat: H, upscale: scale } = fields;
  const known = type === foundName ? architectureOf[foundName] : architectureOf[supernetName];
  refuseOtherClasses(fields, [known], path);
  if (H % 2 !== 0) {
    throw new UserError({
      code: 'E_INVALID_MODEL',
      ...{ path, value: H },
      message: `${path}: num_feat is ${H}; it must be even: channels may be in two groups`,
    });
  }
  const kind = 'restoration' as const;
  return { kind, H, scale, colours: 3, contextLength: mostPixels, ...nothing };
}

export function isSupernet(config: ModelConfig): config is SupernetConfig {
  return config.family === supernetName;
}

export function isFound(config: ModelConfig): config is FoundConfig {
  return config.family === foundName;
}

/** The record of a network that was found in a space. */
export function foundConfig(
  { space: _space, surrogate: _surrogate, ...config }: SupernetConfig,
  genotype: FoundConfig['genotype'],
): FoundConfig {
  return { ...config, family: foundName, genotype };
}

/** Fields of the `config.json` of a network that was found. */
export function foundJson(
  { H, scale }: Pick<SupernetConfig, 'H' | 'scale'>,
  genotype: FoundConfig['genotype'],
) {
  return {
    ...{ model_type: foundName, architectures: [architectureOf[foundName]] },
    ...{ num_feat: H, upscale: scale, genotype },
  };
}
