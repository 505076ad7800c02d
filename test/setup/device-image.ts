/**
 * The worker image as it is on nodes with GPUs, for a cluster without any: that of this checkout,
 * with two emulated devices in the place of the CUDA kernels, and an `nvidia-smi` that lists them:
 * nothing hides from a pod what it was not given. It is started as the stage worker-cuda of the
 * Dockerfile is.
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { ensureEntry } from '../../cli/setup/entry.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { cudaKernelsFile } from '../../crds/devices/fitness.ts';
import { jsonLimits, parseJson } from '../../crds/text/json.ts';
import { cardLine, nvidiaSmi } from '../doubles/nvidia-smi.ts';
import { settingsOf } from './dockerfile.ts';
import { ensureEmulator } from './emulator.ts';
import { flagsOf } from './images.ts';

const cards = [cardLine(), cardLine({ index: 1 })];

export const deviceImageName = 'localhost/anneal-worker-cuda:test';

const checkout = join(import.meta.dirname, '../..');

/** Its archive. `worker` is that of the image without CUDA. */
export async function ensureDeviceImage(setup: Setup, worker: string): Promise<string> {
  const library = await ensureEmulator(setup);
  const key = createHash('sha256').update(worker).update(library).update(cards.join());
  const made = await ensureEntry(setup, {
    folder: join(setup.cache.root, `device-image-${key.digest('hex').slice(0, 12)}`),
    bytes: 1.5e9,
    make: (staging) =>
      setup.steps.step('images', 'of a worker on the emulated device', () =>
        make(staging, worker, library),
      ),
  });
  return join(made, 'worker-cuda.tar');
}

async function make(staging: string, worker: string, library: string): Promise<void> {
  const whole = join(staging, 'worker');
  await mkdir(whole);
  await execa('tar', ['-xf', worker, '-C', whole]);
  const blob = (digest: string) => join(whole, 'blobs/sha256', digest.replace('sha256:', ''));
  const read = async (path: string) => parseJson(await readFile(path, 'utf8'), jsonLimits.message);
  const index = (await read(join(whole, 'index.json'))) as { manifests: readonly Descriptor[] };
  const manifest = (await read(blob(index.manifests[0]?.digest ?? ''))) as {
    layers: readonly Descriptor[];
  };
  const layers = manifest.layers.map(({ digest }) => blob(digest));
  const native = join(staging, 'native');
  await mkdir(native);
  await copyFile(library, join(native, cudaKernelsFile));
  const bin = (await nvidiaSmi(staging, cards)).split(':')[0] ?? '';
  const dockerfile = await readFile(join(checkout, 'charts/images/Dockerfile'), 'utf8');
  await execa(join(import.meta.dirname, 'cluster/image.sh'), [
    ...[deviceImageName, join(staging, 'worker-cuda.tar')],
    ...['-e', `ANNEAL_EMULATED_DEVICES=${cards.length}`],
    ...flagsOf(settingsOf(dockerfile, 'worker-cuda')),
    ...[...layers, `${native}=/app/worker/native/dist`, `${bin}=/usr/local/bin`],
  ]);
  for (const path of [whole, native, bin])
    await rm(join(staging, basename(path)), { recursive: true });
}

interface Descriptor {
  readonly digest: string;
}
