import test from 'ava';
import { augmented } from '../../../../worker/data/images/augment.ts';
import type { Image } from '../../../../worker/data/images/image.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';

/** Red says the column, green the row. */
const picture: Image = {
  ...{ width: 40, height: 40, channels: 3 },
  pixels: Uint8Array.from({ length: 40 * 40 * 3 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % 40, Math.floor(i / 120)];
    return c === 0 ? 5 * x : c === 1 ? 5 * y : 7;
  }),
};
const streams = Array.from({ length: 400 }, (_, key) => streamOf(1, 'augmentation', key));

/** Columns and rows that are seen, of 40. */
function seen({ pixels }: Image): readonly [number, number] {
  const [left = 0, top = 0] = pixels;
  const [right = 0, bottom = 0] = pixels.subarray(-3);
  return [(Math.abs(right - left) / 5) * (40 / 39), ((bottom - top) / 5) * (40 / 39)];
}

test('half of the pictures are mirrored, and the others are as they were', (t) => {
  const mirrored = streams.filter((stream) => {
    const { pixels, width } = augmented(picture, { isMirrored: true }, 'Bilinear', stream);
    if (pixels[0] === 0) {
      t.deepEqual(pixels, picture.pixels);
      return false;
    }
    t.is(width, 40);
    // The first row, from its end on.
    for (let x = 0; x < 40; x += 1) t.is(pixels[3 * x], 5 * (39 - x));
    return true;
  });
  // Four standard deviations.
  t.true(Math.abs(mirrored.length - 200) < 40, `${mirrored.length}`);
});

test('parts have from the least area to all, sides that differ by a third, and lie anywhere', (t) => {
  const corners = { left: 0, right: 0 };
  const areas = streams.map((stream) => {
    const changes = { cropArea: 0.25, isMirrored: false };
    const part = augmented(picture, changes, 'Bilinear', stream);
    t.is(part.pixels.length, picture.pixels.length);
    const [width, height] = seen(part);
    const ratio = width / height;
    // A pixel of rounding for each side.
    t.true(ratio > 0.65 && ratio < 1.54, `${width} x ${height}`);
    if ((part.pixels[0] ?? 0) < 10) corners.left += 1;
    if ((part.pixels.at(-3) ?? 0) > 185) corners.right += 1;
    return (width * height) / 1600;
  });
  t.true(Math.min(...areas) > 0.2 && Math.min(...areas) < 0.3);
  t.true(Math.max(...areas) > 0.9);
  t.true(corners.left > 10 && corners.left < 390);
  t.true(corners.right > 10 && corners.right < 390);
});

test('the same stream gives the same, another another', (t) => {
  const changes = { cropArea: 0.1, isMirrored: true };
  const [one, two] = [streamOf(3, 'a'), streamOf(3, 'b')];
  const first = augmented(picture, changes, 'Bicubic', one);
  t.deepEqual(augmented(picture, changes, 'Bicubic', one), first);
  t.notDeepEqual(augmented(picture, changes, 'Bicubic', two), first);
});

test('grey stays grey, of its own size', (t) => {
  const grey: Image = { width: 6, height: 4, channels: 1, pixels: new Uint8Array(24).fill(9) };
  const changes = { cropArea: 0.1, isMirrored: true };
  for (const stream of streams.slice(0, 20)) {
    t.deepEqual(augmented(grey, changes, 'Bilinear', stream), grey);
  }
});
