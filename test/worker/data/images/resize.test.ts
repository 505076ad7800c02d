import { readFileSync } from 'node:fs';
import test from 'ava';
import type { Image } from '../../../../worker/data/images/image.ts';
import type { ResizeFilter } from '../../../../worker/data/images/preprocessing.ts';
import { resize } from '../../../../worker/data/images/resize.ts';

interface Golden {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly samples: string;
}
interface Case {
  readonly filter: ResizeFilter;
  readonly from: Golden;
  readonly to: Golden;
}

// Its first line is the command that made it.
const { resize: cases } = JSON.parse(
  readFileSync(new URL('../../../golden/pictures.json', import.meta.url), 'utf8'),
) as { readonly resize: Readonly<Record<string, readonly Case[]>> };

const pictureOf = ({ samples, ...size }: Golden): Image => ({
  ...size,
  pixels: new Uint8Array(Buffer.from(samples, 'base64')),
});

for (const [name, list] of Object.entries(cases)) {
  for (const { filter, from, to } of list) {
    test(`${name}, ${filter}: the bytes of Pillow`, (t) => {
      t.deepEqual(resize(pictureOf(from), to.width, to.height, filter), pictureOf(to));
    });
  }
}

test('A picture of one colour keeps it at any size', (t) => {
  const pixels = new Uint8Array(6 * 5).fill(201);
  const image: Image = { width: 6, height: 5, channels: 1, pixels };
  for (const filter of ['Box', 'Bilinear', 'Hamming', 'Bicubic', 'Lanczos'] as const) {
    for (const [width, height] of [
      [1, 1],
      [6, 17],
      [50, 2],
    ] as const) {
      const { pixels: made } = resize(image, width, height, filter);
      t.true(made.length === width * height && made.every((value) => value === 201));
    }
  }
});
