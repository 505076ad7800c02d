// `config.json` of a restoration network → one record of what it computes. No library has a
// configuration of it: the fields are the arguments of the class that published its weights
// (SRVGGNetCompact), with the same defaults.
import { z } from 'zod';
import { Bug, UserError } from '../../crds/failures/errors.ts';
import { count, fieldsOf, parseFields, refuseOtherClasses } from '../families/config-json.ts';
import type { ModelConfig, ReadOptions } from '../families/family.ts';
import {
  mostPixels,
  type QuantNasConfig,
  quantNasNames,
  readQuantNasConfig,
} from '../quantnas/config.ts';

const srvggName = 'srvgg';
export const restorationNames = [srvggName, ...quantNasNames] as const;

const architectures = ['SRVGGNetCompact'] as const;

export interface SrvggConfig extends ModelConfig {
  readonly kind: 'restoration';
  readonly family: typeof srvggName;
  /** Values of a pixel, of input and target. */
  readonly colours: number;
  /** Pixels of the target's edge for one of the input's; 1 restores a picture in its size. */
  readonly scale: number;
}

export type RestorationConfig = SrvggConfig | QuantNasConfig;

/** Edge of the kernel of every convolution of SRVGG-compact. */
export const kernelEdge = 3;
/** Convolutions of a block. */
export const convolutionsOfBlock = 2;

const configFields = z.object({
  model_type: z.string(),
  architectures: z.array(z.string()).max(16).nullish(),
  auto_map: z.record(z.string(), z.unknown()).nullish(),
  num_in_ch: z.int().optional(),
  num_out_ch: z.int().optional(),
  num_feat: count(4096).optional(),
  num_conv: count(1024).optional(),
  upscale: count(8).optional(),
  act_type: z.string().optional(),
});

/** The record of a restoration network, for what computes one. */
export function restorationConfig(config: ModelConfig): RestorationConfig {
  if (isRestoration(config)) return config;
  throw new Bug(`a ${config.family} restores no pictures`);
}

function isRestoration(config: ModelConfig): config is RestorationConfig {
  return config.kind === 'restoration';
}

export function readRestorationConfig(json: unknown, options: ReadOptions = {}): RestorationConfig {
  const { path = 'config.json' } = options;
  const { model_type: type } = fieldsOf(json, path);
  return quantNasNames.some((own) => own === type)
    ? readQuantNasConfig(json, options)
    : readSrvggConfig(json, path);
}

function readSrvggConfig(json: unknown, path: string): SrvggConfig {
  const fields = parseFields(configFields, fieldsOf(json, path), path);
  refuseOtherClasses(fields, architectures, path);
  const { num_in_ch: from = 3, num_out_ch: to = 3, num_feat: H = 64, num_conv = 16 } = fields;
  requireThat(from === 3 && to === 3, path, `num_in_ch is ${from} and num_out_ch ${to}`, {
    rule: 'both must be 3: pictures are read as red, green and blue',
    value: from,
  });
  const { act_type: activation = 'prelu', upscale: scale = 4 } = fields;
  requireThat(activation === 'prelu', path, `act_type is ${JSON.stringify(activation)}`, {
    rule: 'it must be prelu, which published networks have',
    value: activation,
  });
  requireThat(num_conv % convolutionsOfBlock === 0, path, `num_conv is ${num_conv}`, {
    rule: `it must be even: a block is ${convolutionsOfBlock} convolutions`,
    value: num_conv,
  });
  return {
    ...{ kind: 'restoration', family: 'srvgg', H, L: num_conv / convolutionsOfBlock },
    ...{ colours: 3, scale, contextLength: mostPixels },
    // It has no vocabulary, no attention and no MLP.
    ...{ V: 0, NH: 0, NK: 0, D: 0, I: 0, attentionScale: 1 },
  };
}

function requireThat(
  holds: boolean,
  path: string,
  found: string,
  { rule, value }: { readonly rule: string; readonly value: unknown },
): void {
  if (holds) return;
  const message = `${path}: ${found}; ${rule}`;
  throw new UserError({ code: 'E_UNKNOWN_ARCHITECTURE', path, value, message });
}
