// Sampling without noise of its own: a few of the time steps, from the last to the first. Song et
// al. 2021, equation 12 with eta 0.
import { UserError } from '../../crds/failures/errors.ts';
import type { SamplerConfig } from './sampler-config.ts';
import { noiseLevels, noNoise } from './schedule.ts';

/** One step, `x' = sample x + noise e`, for the noise `e` that the model finds in `x`. */
export interface DdimStep {
  /** Time step that the model is asked at. */
  readonly time: number;
  readonly sample: number;
  readonly noise: number;
}

/** `count` steps in the order of sampling, as diffusers' scheduler places them (`leading`). */
export function ddimSteps(
  { betas, endsClean, offset }: SamplerConfig,
  count: number,
): readonly DdimStep[] {
  const apart = Math.floor(betas.steps / count);
  const last = (count - 1) * apart + offset;
  if (!Number.isInteger(count) || count < 1 || apart < 1 || last >= betas.steps) {
    const message = `sampling in ${count} steps; it must be a whole number from 1 to ${betas.steps - offset}`;
    throw new UserError({ code: 'E_INVALID_MODEL', value: count, message });
  }
  const levels = noiseLevels(betas);
  const end = (endsClean ? undefined : levels[0]) ?? noNoise;
  return Array.from({ length: count }, (_, i) => {
    const time = last - i * apart;
    const from = levels[time] ?? noNoise;
    const to = levels[time - apart] ?? end;
    const sample = to.signal / from.signal;
    return { time, sample, noise: to.noise - sample * from.noise };
  });
}
