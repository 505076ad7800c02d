/**
 * Fashion-MNIST, 60,000 grey pictures of ten classes of clothes (28 x 28, MIT), from its Debian
 * package (31 MB, once).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Setup } from '../../cli/setup/setup.ts';
import { idxImage, readIdxImages, readIdxLabels } from '../../worker/data/images/idx.ts';
import type { Image } from '../../worker/data/images/image.ts';
import { debianData } from './debian-package.ts';

const shipped = {
  name: 'dataset-fashion-mnist',
  version: '0.0~git20200523.55506a9-1',
  sha256: '39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0',
  bytes: 30_900_652,
  step: 'fashion',
  inside: 'usr/share/datasets/fashion-mnist',
};

export const fashionNames = [
  ...['t-shirt', 'trouser', 'pullover', 'dress', 'coat', 'sandal', 'shirt', 'sneaker', 'bag'],
  'ankle boot',
];

/** Those of its training half, in its order. */
export async function fashion(
  setup: Setup,
): Promise<readonly { readonly image: Image; readonly label: number }[]> {
  const folder = await debianData(setup, shipped);
  const [images, labels] = ['train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte.gz'].map(
    (file) => join(folder, file),
  ) as [string, string];
  const pictures = readIdxImages(await readFile(images), images);
  const numbers = readIdxLabels(await readFile(labels), labels);
  return [...numbers].map((label, i) => ({ image: idxImage(pictures, i), label }));
}
