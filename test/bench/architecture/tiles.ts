// Parts of photographs, as PNG: of each six by four, of which every fourth is unseen.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Image } from '../../../worker/data/images/image.ts';
import { pngOf } from '../../../worker/data/images/write-png.ts';

const [columns, rows] = [6, 4];
const isUnseen = (part: number): boolean => part % 4 === (part < 12 ? 1 : 3);

/** In the folders `train` and `unseen`. */
export async function writeTiles(images: readonly Image[], folder: string): Promise<void> {
  for (const each of ['train', 'unseen']) await mkdir(join(folder, each));
  for (const [i, image] of images.entries()) {
    for (let part = 0; part < columns * rows; part += 1) {
      const which = isUnseen(part) ? 'unseen' : 'train';
      await writeFile(join(folder, which, `${i}-${part}.png`), pngOf(tileOf(image, part)));
    }
  }
}

function tileOf(image: Image, part: number): Image {
  const { channels } = image;
  const width = Math.floor(image.width / columns);
  const height = Math.floor(image.height / rows);
  const [left, top] = [(part % columns) * width, Math.floor(part / columns) * height];
  const pixels = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y += 1) {
    const from = ((top + y) * image.width + left) * channels;
    pixels.set(image.pixels.subarray(from, from + width * channels), y * width * channels);
  }
  return { width, height, channels, pixels };
}
