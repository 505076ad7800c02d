// The role `sample`: makes pictures of fixed noise with a base, adapters of it, or several of them
// together, and writes down what they were made of.
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { picturesTogether } from '../../crds/plan/trajectory.ts';
import { type MadeBy, sampleRecord, sampleRecordFile } from '../../crds/sample/record.ts';
import { type SampleSettings, sampleFile, sampleSettings } from '../../crds/sample/settings.ts';
import { openModel } from '../decoder/model-files.ts';
import { firstNoise } from '../denoising/sample.ts';
import { diffusionConfig } from '../diffusion/config.ts';
import { frozenModel, modelSource } from '../engine/build-model.ts';
import { sha256OfFile } from '../files/file-digest.ts';
import { modelPath } from '../prepare/resolve-source.ts';
import { tensorFile } from '../publish/peft-files.ts';
import { replaceFolder } from '../remote/destination.ts';
import type { Role, RoleContext } from '../role.ts';
import { requireRecord, writeRecord } from '../run-folder.ts';
import { resolveBase } from '../serve/base-source.ts';
import { trimMemory } from '../tensor/memory.ts';
import { setThreads } from '../tensor/threads.ts';
import { exactly, openDevice } from '../train/open-device.ts';
import { type ComposedModel, composedModel, type Given, singleModel } from './composed-model.ts';
import { composedPictures } from './composed-pictures.ts';
import { deepOf } from './deep-blocks.ts';
import { classesOf, pictureConfig, requireEmpty, samplerOf } from './inputs.ts';
import { loadAdapters, memoryOf } from './load-adapters.ts';
import { writePictures } from './picture-files.ts';
import { blocksOf } from './step-plan.ts';

export const sampleRole: Role = async (context) => {
  const settings = await requireRecord(context.folder, sampleFile, sampleSettings);
  const { pictures, device } = settings;
  await requireEmpty(settings.to);
  const source = await resolveBase({ ...settings, volumes: {} }, context);
  const path = modelPath(source);
  using files = openModel(path);
  const classes = classesOf(pictures, pictureConfig(files.config, path));
  const sampler = await samplerOf(path, pictures);
  openDevice(device, exactly);
  setThreads(settings.threads);
  const fits = memoryOf(settings, files);
  fits(0);
  const base = frozenModel(modelSource(files), {
    ...{ dtype: 'float32', device, sequenceLength: undefined },
  });
  using _parameters = base.parameters;
  using adapters = await loadAdapters(settings, { model: base, digest: source.digest }, fits);
  // What loading needed alone.
  trimMemory();
  const given: Given = { base, adapters: adapters.byName, settings: pictures, classes, sampler };
  const used = settings.adapters.map(async ({ name, folder }) => {
    return { name, folder, tensors: await sha256OfFile(join(folder, tensorFile)) };
  });
  const facts = {
    base: { name: settings.name, origin: source.origin, digest: source.digest },
    adapters: await Promise.all(used),
    pictures: { ...pictures, classes: [...classes] },
  };
  await replaceFolder(settings.to, async (partial) => {
    const made: MadeBy[] = [];
    for (const { name, model, ...more } of modelsOf(settings, given)) {
      using own = model();
      const counted = await makePictures(join(partial, name), { name, own, given }, context);
      const { sequencing } = own;
      made.push({ name, ...more, ...(sequencing && { sequencing }), ...counted });
    }
    await writeRecord(partial, sampleRecordFile, sampleRecord, { version: 1, ...facts, made });
  });
};

type Named = Pick<MadeBy, 'name' | 'composition'> & { readonly model: () => ComposedModel };

/** Compositions, where none are asked for each adapter, and without adapters the base. */
function modelsOf(
  { name: ofBase, adapters, compositions }: SampleSettings,
  given: Given,
): readonly Named[] {
  if (compositions.length > 0) {
    return compositions.map(({ name, ...composition }) => {
      return { name, composition, model: () => composedModel(composition, given) };
    });
  }
  const names = adapters.length > 0 ? adapters.map(({ name }) => name) : [ofBase];
  return names.map((name) => ({ name, model: () => singleModel(name, given) }));
}

interface Making {
  readonly name: string;
  readonly own: ComposedModel;
  readonly given: Given;
}

async function makePictures(
  folder: string,
  { name, own, given }: Making,
  { clock, emit, stop }: RoleContext,
): Promise<Pick<MadeBy, 'blocks' | 'seconds'>> {
  const { settings, classes, sampler, base } = given;
  const { count: total, guidance, seed } = settings;
  const config = diffusionConfig(base.config);
  const began = clock.monotonic();
  for (let from = 0; from < total; from += picturesTogether) {
    stop.throwIfAborted();
    const count = Math.min(picturesTogether, total - from);
    const numbers = Array.from({ length: count }, (_, i) => from + i);
    const ofEach = numbers.map((n) => classes[n % classes.length] ?? 0);
    const first = firstNoise(config, count, seed, from);
    const asked = { classes: ofEach, guidance, sampler };
    await writePictures(folder, composedPictures(own.parts, own.plan, first, asked), config, from);
    const progress = { done: from + count, total, unit: 'Records' } as const;
    emit({ type: 'stage', stage: 'Export', state: 'Running', subject: name, ...progress });
    // A request to stop is received here.
    await setImmediate();
  }
  const { from, to } = deepOf(base.config.L);
  const sizes = { L: base.config.L, deep: to - from };
  const all = own.plan.map(({ shares }) => ({ shares, deep: shares.map(() => true) }));
  return {
    blocks: { passed: blocksOf(own.plan, sizes), all: blocksOf(all, sizes) },
    seconds: (clock.monotonic() - began) / 1000,
  };
}
