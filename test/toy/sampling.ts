// A toy of diffusion transformers in a folder, with adapters of it.
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { PictureSettings } from '../../crds/sample/settings.ts';
import { openModel } from '../../worker/decoder/model-files.ts';
import { firstNoise } from '../../worker/denoising/sample.ts';
import { diffusionConfig } from '../../worker/diffusion/config.ts';
import { linearSampler } from '../../worker/diffusion/sampler-config.ts';
import { frozenModel, modelSource } from '../../worker/engine/build-model.ts';
import type { ComposedModel, Given } from '../../worker/sample/composed-model.ts';
import { composedPictures } from '../../worker/sample/composed-pictures.ts';
import { loadAdapter, type ServedAdapter } from '../../worker/serve/served-adapter.ts';
import type { Device } from '../../worker/tensor/device.ts';
import { type PeftOptions, writePeftFolder } from '../builders/peft-folder.ts';
import { temporaryFolder } from '../doubles/sources.ts';
import { makeDiffusion } from './diffusion.ts';

/** Blocks 1 to 3 are deep. */
export const changes = { num_layers: 5, in_channels: 1, out_channels: 1, sample_size: 8 };
export const digest = `sha256:${'a'.repeat(64)}`;
export const classes = [0, 3, 1];

interface ToyOptions {
  /** @default the processor */
  readonly device?: Device;
  /** May change a tensor of the base. */
  readonly changed?: Parameters<typeof makeDiffusion>[2];
}

export async function aSampling(t: ExecutionContext, options: ToyOptions = {}) {
  const { device = 'cpu', changed } = options;
  const folder = await temporaryFolder();
  const path = await makeDiffusion(join(folder.path, 'base'), changes, changed);
  const files = openModel(path);
  const base = frozenModel(modelSource(files), {
    ...{ dtype: 'float32', device, sequenceLength: undefined },
  });
  t.teardown(async () => {
    base.parameters[Symbol.dispose]();
    files[Symbol.dispose]();
    await folder[Symbol.asyncDispose]();
  });
  const write = (name: string, more: Partial<PeftOptions> = {}) =>
    writePeftFolder(join(folder.path, name), base, {
      ...{ rank: 4, baseDigest: digest, seed: name.length, size: 0.3, ...more },
    });
  const adapters = new Map<string, ServedAdapter>();
  const load = async (name: string): Promise<ServedAdapter> => {
    const own = { model: base, digest, acceptsUnnamed: false };
    const adapter = await loadAdapter(name, join(folder.path, name), own);
    t.teardown(() => adapter[Symbol.dispose]());
    adapters.set(name, adapter);
    return adapter;
  };
  const given = (settings: Partial<PictureSettings> = {}): Given => ({
    ...{ base, adapters, classes, sampler: linearSampler },
    settings: { count: 3, steps: 12, guidance: 1.5, seed: 4, caches: true, ...settings },
  });
  return { base, folder: folder.path, path, write, load, given };
}

/** Pictures of a name, which it disposes. */
export function picturesOf(own: ComposedModel, { settings, base, sampler }: Given): Float32Array {
  using model = own;
  const { guidance, seed } = settings;
  const first = firstNoise(diffusionConfig(base.config), classes.length, seed);
  return composedPictures(model.parts, model.plan, first, { classes, guidance, sampler });
}

/** Largest difference of a value. */
export function gapOf(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}
