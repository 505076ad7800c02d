/**
 * The two photographs that scikit-learn ships (640 x 427, CC BY), from its wheel (9 MB, once).
 */
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { decodeImage } from '../../worker/data/images/decode.ts';
import type { Image } from '../../worker/data/images/image.ts';
import { scikitLearn } from './digits.ts';
import { modelOfWheel } from './model-of-wheel.ts';

const names = ['china.jpg', 'flower.jpg'] as const;

const fetched = modelOfWheel({
  ...{ wheel: scikitLearn, folder: 'photographs', step: 'photographs', title: 'two photographs' },
  times: 4,
  location: (entry) => names.find((each) => entry.endsWith(`/${each}`)),
  async make(unpacked, folder) {
    for (const name of names) await rename(join(unpacked, name), join(folder, name));
  },
});

export async function photographs(
  setup: Setup = thisSetup(new AbortController().signal),
): Promise<readonly Image[]> {
  const folder = await fetched(setup);
  return await Promise.all(
    names.map(async (name) => decodeImage(await readFile(join(folder, name)))),
  );
}
