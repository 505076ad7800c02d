// Parses an untrusted `scheduler_config.json` of diffusers, and prints one. Every field that
// changes what is computed is printed: defaults of diffusers' class are others than here.
import { z } from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import { count, type Fields, fieldsOf, finite, parseFields } from '../families/config-json.ts';
import type { Betas } from './schedule.ts';

export interface SamplerConfig {
  readonly betas: Betas;
  /** Whether the last step ends without noise, or at the level of time step 0. */
  readonly endsClean: boolean;
  /** Added to each time step: published latent models were trained with 1. */
  readonly offset: number;
}

/** That of the paper, and of the published DiT. */
export const linearSampler: SamplerConfig = {
  betas: { steps: 1000, first: 1e-4, last: 0.02 },
  endsClean: true,
  offset: 0,
};

const variance = finite.refine((value) => value > 0 && value < 1, 'must be between 0 and 1');

const samplerFields = z.object({
  num_train_timesteps: count(100_000).nullish(),
  beta_start: variance.nullish(),
  beta_end: variance.nullish(),
  set_alpha_to_one: z.boolean().nullish(),
  steps_offset: z.int().min(0).max(1000).nullish(),
});

/** Fields that must have one value, and what diffusers takes where they are missing. */
const fixed: Readonly<Record<string, { readonly is: unknown; readonly otherwise: unknown }>> = {
  beta_schedule: { is: 'linear', otherwise: 'linear' },
  prediction_type: { is: 'epsilon', otherwise: 'epsilon' },
  timestep_spacing: { is: 'leading', otherwise: 'leading' },
  clip_sample: { is: false, otherwise: true },
  thresholding: { is: false, otherwise: false },
  rescale_betas_zero_snr: { is: false, otherwise: false },
  trained_betas: { is: null, otherwise: null },
};

export function readSamplerConfig(json: unknown, path = 'scheduler_config.json'): SamplerConfig {
  const fields = fieldsOf(json, path);
  refuseOtherSamplers(fields, path);
  const read = parseFields(samplerFields, fields, path);
  const { betas, offset } = linearSampler;
  return {
    betas: {
      steps: read.num_train_timesteps ?? betas.steps,
      first: read.beta_start ?? betas.first,
      last: read.beta_end ?? betas.last,
    },
    endsClean: read.set_alpha_to_one ?? true,
    offset: read.steps_offset ?? offset,
  };
}

export function printSamplerConfig({ betas, endsClean, offset }: SamplerConfig): Fields {
  return {
    _class_name: 'DDIMScheduler',
    num_train_timesteps: betas.steps,
    beta_start: betas.first,
    beta_end: betas.last,
    set_alpha_to_one: endsClean,
    steps_offset: offset,
    ...Object.fromEntries(Object.entries(fixed).map(([key, { is }]) => [key, is])),
  };
}

function refuseOtherSamplers(fields: Fields, path: string): void {
  for (const [key, { is, otherwise }] of Object.entries(fixed)) {
    const value = fields[key] ?? otherwise;
    if (value === is) continue;
    const shown = typeof value === 'object' ? 'a list' : JSON.stringify(value);
    throw new UserError({
      code: 'E_INVALID_MODEL',
      path,
      value,
      message: `${path}: ${key} is ${shown}; pictures are sampled here with ${JSON.stringify(is)} alone`,
    });
  }
}
