// What a diffusion transformer makes of the same noise before and after training, for people: the
// noise, the picture of the base where there is one, and that of the result.
import { parseDecimal } from '../../crds/schema/decimal.ts';
import { firstNoise, samplePictures } from '../denoising/sample.ts';
import { type DiffusionConfig, diffusionConfig } from '../diffusion/config.ts';
import { linearSampler } from '../diffusion/sampler-config.ts';
import { frozenModel, modelSource } from '../engine/build-model.ts';
import type { Plane } from '../restoration/side-by-side.ts';
import type { ArtifactFacts } from './artifact.ts';

/** Without a trajectory of the job. */
const usual = { steps: 20, guidance: '1.5' };

/** Of the first classes, one list for each picture. */
export function madePlanes(
  { run, files, model }: Pick<ArtifactFacts, 'run' | 'files' | 'model'>,
  most: number,
): readonly (readonly Plane[])[] {
  const config = diffusionConfig(model.config);
  const { seed, trajectory = usual } = run.spec.training;
  const classes = Array.from({ length: Math.min(most, config.labels) }, (_, label) => label);
  const noise = firstNoise(config, classes.length, seed);
  const asked = {
    ...{ classes, sampler: linearSampler, steps: trajectory.steps },
    guidance: parseDecimal(trajectory.guidance),
  };
  const all = [noise];
  if (run.spec.model.initialization !== 'FromScratch') {
    const { dtype, device } = model;
    const base = frozenModel(modelSource(files), { dtype, device, sequenceLength: undefined });
    using _parameters = base.parameters;
    all.push(samplePictures(base, noise, asked));
  }
  all.push(samplePictures(model, noise, asked));
  return classes.map((_, n) => all.map((pictures) => planeOf(pictures, n, config)));
}

/** Grey has the same value in each colour. */
function planeOf(pictures: Float32Array, n: number, config: DiffusionConfig): Plane {
  const { channels, side } = config;
  const area = side ** 2;
  const values = Float32Array.from({ length: 3 * area }, (_, i) => {
    const channel = Math.min(i % 3, channels - 1);
    const value = pictures[(n * channels + channel) * area + Math.trunc(i / 3)] ?? 0;
    return (1 + value) / 2;
  });
  return { width: side, height: side, values };
}
