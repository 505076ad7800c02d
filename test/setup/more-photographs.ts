/**
 * Pictures in colour and in grey that scikit-image ships, from its wheel (14 MB, once): twelve with
 * the two of scikit-learn. BSD-3-Clause or public, each listed by its authors.
 */
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Setup } from '../../cli/setup/setup.ts';
import { decodeImage } from '../../worker/data/images/decode.ts';
import type { Image } from '../../worker/data/images/image.ts';
import { modelOfWheel } from './model-of-wheel.ts';

/** Those of `unseen` are of a face, a cat, a cup and a rocket. */
const names = {
  seen: [
    ...['motorcycle_left.png', 'ihc.png', 'retina.jpg', 'hubble_deep_field.jpg'],
    ...['camera.png', 'coins.png'],
  ],
  unseen: ['astronaut.png', 'chelsea.png', 'coffee.png', 'rocket.jpg'],
} as const;
const all: readonly string[] = [...names.seen, ...names.unseen];

const fetched = modelOfWheel({
  wheel: {
    name: 'scikit-image',
    version: '0.26.0',
    sha256: '74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af',
    bytes: 13_711_217,
    platforms: ['manylinux_2_28_x86_64'],
  },
  ...{ folder: 'more-photographs', step: 'more-photographs', title: 'ten pictures', times: 3 },
  location: (entry) => all.find((each) => entry.endsWith(`/data/${each}`)),
  async make(unpacked, folder) {
    for (const name of all) await rename(join(unpacked, name), join(folder, name));
  },
});

export async function morePhotographs(
  setup: Setup,
): Promise<Readonly<Record<keyof typeof names, readonly Image[]>>> {
  const folder = await fetched(setup);
  const read = (own: readonly string[]) =>
    Promise.all(own.map(async (name) => decodeImage(await readFile(join(folder, name)))));
  return { seen: await read(names.seen), unseen: await read(names.unseen) };
}
