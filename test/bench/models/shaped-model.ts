/**
 * A model of one of the published shapes as a Hugging Face folder in the cache: tokenizer and
 * everything else of `config.json` are the demo's, weights are drawn, so what it answers means
 * nothing.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEntry } from '../../../cli/setup/entry.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { UserError } from '../../../crds/failures/errors.ts';
import { type DecoderConfig, readConfig } from '../../../worker/decoder/config.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { tensorSpecs } from '../../../worker/decoder/names.ts';
import { printConfig } from '../../../worker/decoder/print-config.ts';
import type { PlannedTensor } from '../../../worker/files/safetensors.ts';
import { writeSafetensorsModel } from '../../../worker/files/safetensors-model.ts';
import { writeModelFiles } from '../../../worker/publish/model-folder.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { type ModelSizes, modelShapes } from './shapes.ts';

const dtype = 'bfloat16';
/** As decoders begin. */
const deviation = 0.02;

/**
 * A folder that holds it as `model`, made now if it is not there. `demo` is the folder of the demo.
 */
export async function ensureShapedModel(
  setup: Setup,
  demo: string,
  shape: string,
): Promise<string> {
  const sizes = modelShapes.get(shape);
  if (sizes === undefined) {
    const known = [...modelShapes.keys()].join(', ');
    const message = `there is no shape ${shape}; there are ${known}`;
    throw new UserError({ code: 'E_USAGE', message });
  }
  return ensureEntry(setup, {
    folder: join(setup.cache.volumes, `drawn-${shape}`),
    bytes: 5e9,
    make: (staging) =>
      setup.steps.step('model', `drawing a model as large as ${shape}`, () =>
        writeShapedModel(join(demo, 'model'), join(staging, 'model'), sizes),
      ),
  });
}

/** Of the model in the folder `like` with other sizes. */
export async function writeShapedModel(
  like: string,
  folder: string,
  sizes: ModelSizes,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  using files = openModel(like);
  await writeModelFiles(folder, files, dtype);
  const place = join(folder, 'config.json');
  const json = { ...JSON.parse(await readFile(place, 'utf8')), ...sizes };
  await writeFile(place, printConfig(json));
  await writeSafetensorsModel(folder, drawn(readConfig(json)));
}

function drawn(config: DecoderConfig): ReadonlyMap<string, PlannedTensor> {
  return new Map(
    tensorSpecs(config).map(({ name, shape }) => {
      const make = () => {
        if (name.endsWith('.bias')) return ops.zeros(shape, { dtype });
        // Norms have one dimension.
        if (shape.length === 1) return ops.ones(shape, { dtype });
        return normal(shape, deviation, streamOf(0, 'drawn', name), dtype);
      };
      return [name, { shape, dtype, make }] as const;
    }),
  );
}
