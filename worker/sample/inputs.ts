// What is checked of a sampling before anything is loaded.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../crds/failures/errors.ts';
import type { PictureSettings } from '../../crds/sample/settings.ts';
import { jsonLimits, RefusedBytes } from '../../crds/text/json.ts';
import { type DiffusionConfig, diffusionConfig } from '../diffusion/config.ts';
import {
  linearSampler,
  readSamplerConfig,
  type SamplerConfig,
} from '../diffusion/sampler-config.ts';
import type { ModelConfig } from '../families/family.ts';
import { readJsonFile } from '../files/bounded-file.ts';
import { requirePixels } from './picture-files.ts';

export function pictureConfig(config: ModelConfig, path: string): DiffusionConfig {
  if (config.kind !== 'diffusion') {
    throw new UserError({
      code: 'E_INVALID_MODEL',
      message: `${path} is a ${config.family}, which makes no pictures`,
      hint: 'sample a diffusion transformer; texts are made with anneal serve',
    });
  }
  const found = diffusionConfig(config);
  requirePixels(found, path);
  return found;
}

/** Those that are asked for, or all of the model. */
export function classesOf(
  { classes }: Pick<PictureSettings, 'classes'>,
  { labels }: Pick<DiffusionConfig, 'labels'>,
): readonly number[] {
  const wrong = classes.find((one) => one >= labels);
  if (wrong !== undefined) {
    throw new UserError({
      code: 'E_USAGE',
      message: `--classes has ${wrong}; the model has ${labels} classes, 0 to ${labels - 1}`,
    });
  }
  return classes.length > 0 ? classes : Array.from({ length: labels }, (_, label) => label);
}

/** That of the pipeline in the folder; of a transformer alone, the schedule it is trained with. */
export async function samplerOf(
  folder: string,
  { steps }: Pick<PictureSettings, 'steps'>,
): Promise<SamplerConfig> {
  const path = join(folder, 'scheduler', 'scheduler_config.json');
  const json = await readJsonFile(path, jsonLimits.modelConfig).catch((cause: unknown) => {
    if (!(cause instanceof RefusedBytes)) throw cause;
    throw new UserError({ code: 'E_INVALID_MODEL', message: `${path} ${cause.message}` });
  });
  const sampler = json === undefined ? linearSampler : readSamplerConfig(json, path);
  const most = sampler.betas.steps - sampler.offset;
  if (steps <= most) return sampler;
  throw new UserError({
    code: 'E_USAGE',
    message: `--steps is ${steps}; the noise schedule of the model has ${most}`,
    hint: `take ${most} or fewer; 20 are many for DDIM`,
  });
}

/** Pictures are put in a folder that has nothing to lose. */
export async function requireEmpty(folder: string): Promise<void> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (found.length === 0) return;
  throw new UserError({
    code: 'E_USAGE',
    message: `${folder} has ${found.length === 1 ? 'a file' : `${found.length} files`}; pictures need a folder that is empty or new`,
    hint: 'name another one with --to',
  });
}
