import test from 'ava';
import type { Image } from '../../../../worker/data/images/image.ts';
import type { Preprocessing } from '../../../../worker/data/images/preprocessing.ts';
import { UnusableRecord } from '../../../../worker/files/unusable-record.ts';
import { preprocess } from '../../../builders/preprocess.ts';

const nothing: Preprocessing = {
  ...{ channels: 1, resize: null, crop: null, scale: null, normalize: null },
};

/** Sample of row y, column x, channel c: 100 y + 10 x + c. */
function numbered(width: number, height: number, channels: 1 | 3): Image {
  const pixels = Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const pixel = Math.trunc(i / channels);
    return 100 * Math.trunc(pixel / width) + 10 * (pixel % width) + (i % channels);
  });
  return { width, height, channels, pixels };
}

test('Channels come before rows and columns', (t) => {
  const { channels, height, width, values } = preprocess(numbered(2, 2, 3), {
    ...{ ...nothing, channels: 3 },
  });
  t.deepEqual([channels, height, width], [3, 2, 2]);
  t.deepEqual([...values], [0, 10, 100, 110, 1, 11, 101, 111, 2, 12, 102, 112]);
});

test('Samples are scaled, then their mean is taken away, then they are divided', (t) => {
  const { values } = preprocess(numbered(2, 1, 1), {
    ...{ ...nothing, scale: 0.5, normalize: { mean: [1], std: [2] } },
  });
  t.deepEqual([...values], [-0.5, 2]);
});

test('The middle is cut out, the odd pixel left at the end', (t) => {
  const crop = { width: 2, height: 1 };
  t.deepEqual([...preprocess(numbered(5, 2, 1), { ...nothing, crop }).values], [10, 20]);
});

test('A picture that is smaller than the crop gets black borders, which are normalised too', (t) => {
  const image: Image = { width: 1, height: 1, channels: 1, pixels: Uint8Array.of(9) };
  const crop = { width: 2, height: 3 };
  const { values } = preprocess(image, { ...nothing, crop, normalize: { mean: [1], std: [1] } });
  t.deepEqual([...values], [-1, -1, -1, 8, -1, -1]);
});

test('The shortest edge gets its length, the other keeps the ratio and is cut to whole pixels', (t) => {
  const how = { ...nothing, resize: { to: { shortestEdge: 4 }, filter: 'Bicubic' } } as const;
  const sizeOf = (width: number, height: number) => {
    const made = preprocess(numbered(width, height, 1), how);
    return [made.width, made.height];
  };
  t.deepEqual(
    [sizeOf(3, 5), sizeOf(5, 3), sizeOf(4, 4)],
    [
      [4, 6],
      [6, 4],
      [4, 4],
    ],
  );
});

test('Grey becomes RGB for a model of colours, and colours become grey for a model of grey', (t) => {
  const values = (image: Image, channels: 1 | 3) => [
    ...preprocess(image, { ...nothing, channels }).values,
  ];
  t.deepEqual(values(numbered(2, 1, 1), 3), [0, 10, 0, 10, 0, 10]);
  // 0.299, 0.587 and 0.114 of [0, 1, 2] and [10, 11, 12], rounded.
  t.deepEqual(values(numbered(2, 1, 3), 1), [1, 11]);
});

test('A strip that resizing would make enormous is refused', (t) => {
  const image: Image = { width: 1, height: 4000, channels: 1, pixels: new Uint8Array(4000) };
  const how = { ...nothing, resize: { to: { shortestEdge: 224 }, filter: 'Bilinear' } } as const;
  t.throws(() => preprocess(image, how), {
    instanceOf: UnusableRecord,
    message: /^is 1 x 4000 pixels, which resizing makes 224 x 896000; at most 67108864 /,
  });
});
