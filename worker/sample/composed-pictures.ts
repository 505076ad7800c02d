// Pictures of noise by several models at once: at each denoising step the noise is a weighted mean
// of what they find.
import { Bug } from '../../crds/failures/errors.ts';
import { denoisedPictures, guidedNoise } from '../denoising/sample.ts';
import type { SamplerConfig } from '../diffusion/sampler-config.ts';
import type { Model } from '../engine/model.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { DeepBlocks } from './deep-blocks.ts';
import type { StepPlan } from './step-plan.ts';

interface Sampling {
  /** Number of the class of each picture. */
  readonly classes: readonly number[];
  readonly sampler: SamplerConfig;
  /** How far from a picture of any class, towards one of its own. */
  readonly guidance: number;
}

/**
 * Pictures `[P, C, side, side]` of first noise of that shape, in as many steps as the plan has.
 * `parts` share one base. `see` is shown the pictures after each step.
 */
export function composedPictures(
  parts: readonly Model[],
  plan: readonly StepPlan[],
  first: Float32Array,
  { classes, guidance, sampler }: Sampling,
  see?: (pictures: Float32Array) => void,
): Float32Array {
  const [base] = parts;
  if (base === undefined) throw new Bug('pictures are made by no model');
  using deep = new DeepBlocks(base.config.L);
  const keeps = plan.some(({ deep: computes }) => computes.includes(false));
  const noiseIn = (x: Tensor, { time }: { readonly time: number }, i: number): Tensor => {
    const { shares = [], deep: computes = [] } = plan[i] ?? {};
    const found = parts.flatMap((model, part) => {
      const share = shares[part] ?? 0;
      if (share === 0) return [];
      const at = { classes, guidance, time, row: 0 };
      const noise = keeps
        ? guidedNoise(model, x, at, (walk) => deep.pass(walk, part, computes[part] ?? true))
        : guidedNoise(model, x, at);
      return [ops.mulScalar(noise, share)];
    });
    return found.reduce((sum, one) => ops.add(sum, one));
  };
  return denoisedPictures(base, first, { sampler, steps: plan.length }, noiseIn, see);
}
