// What Pillow has no part in: noise, the Gaussian filter, and what is drawn. JPEG and sizes are in
// test/peers/degrade.test.ts.
import test from 'ava';
import { blurred } from '../../../../worker/data/degrade/blurred.ts';
import {
  chosenDegradations,
  type Degradation,
  degraded,
} from '../../../../worker/data/degrade/degrade.ts';
import { noisy } from '../../../../worker/data/degrade/noisy.ts';
import type { Image } from '../../../../worker/data/images/image.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';

const plain = (width: number, height: number, value: number): Image => ({
  ...{ width, height, channels: 3 },
  pixels: new Uint8Array(3 * width * height).fill(value),
});

test('noise has the mean and the deviation of its name, and another stream other noise', (t) => {
  const image = plain(96, 96, 128);
  const found = noisy(image, 25, streamOf(1, 'noise'));
  const gaps = [...found.pixels].map((value) => value - 128);
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
  // Of 27,648 values: 25 / sqrt(n), and 25 / sqrt(2 n), four times each.
  t.true(Math.abs(mean) < 0.6, `${mean}`);
  t.true(Math.abs(deviation - 25) < 0.5, `${deviation}`);
  t.deepEqual(noisy(image, 25, streamOf(1, 'noise')), found);
  t.notDeepEqual(noisy(image, 25, streamOf(2, 'noise')), found);
  t.deepEqual(image, plain(96, 96, 128), 'the picture stays');
});

test('noise at the ends of the range is cut off', (t) => {
  for (const value of [0, 255]) {
    const { pixels } = noisy(plain(32, 32, value), 40, streamOf(1, 'noise'));
    t.true(pixels.every((one) => one >= 0 && one <= 255));
    t.true(pixels.filter((one) => one === value).length > pixels.length / 3);
  }
});

test('a Gaussian filter spreads a point as the product of both bells, and keeps what is even', (t) => {
  const point = plain(21, 21, 0);
  const centre = 3 * (10 * 21 + 10);
  point.pixels[centre] = 255;
  const sigma = 1.2;
  const found = blurred(point, sigma);
  const bell = (x: number) => Math.exp(-(x ** 2) / (2 * sigma ** 2));
  const total = Array.from({ length: 9 }, (_, i) => bell(i - 4)).reduce((sum, one) => sum + one, 0);
  for (const [x, y] of [
    [0, 0],
    [1, 0],
    [0, 2],
    [3, -2],
  ] as const) {
    const expected = Math.round((255 * bell(x) * bell(y)) / total ** 2);
    t.is(found.pixels[centre + 3 * (21 * y + x)], expected, `${x}, ${y}`);
  }
  t.is(found.pixels[centre + 1], 0, 'other colours stay');
  t.deepEqual(blurred(plain(7, 5, 93), 2), plain(7, 5, 93));
});

test('degradations follow one another, each with noise of its own', (t) => {
  const image = plain(24, 24, 100);
  const stream = streamOf(3, 'degraded');
  const both = degraded(image, [{ blur: 1 }, { noise: 20 }], stream);
  const other = degraded(image, [{ noise: 20 }, { blur: 1 }], stream);
  t.notDeepEqual(both, other);
  const twice = degraded(image, [{ noise: 20 }, { noise: 20 }], stream);
  const deviation = (one: Image) =>
    Math.sqrt([...one.pixels].reduce((sum, x) => sum + (x - 100) ** 2, 0) / one.pixels.length);
  // Independent ones add up as squares: 28.3 and not 40.
  t.true(Math.abs(deviation(twice) - Math.hypot(20, 20)) < 2, `${deviation(twice)}`);
});

test('one to three of several are drawn, in any order, and never one twice', (t) => {
  const all: readonly Degradation[] = [{ noise: 10 }, { blur: 1 }, { jpeg: 40 }, { downUp: 2 }];
  const counts = [0, 0, 0, 0];
  const firsts = new Set<Degradation | undefined>();
  for (let seed = 0; seed < 300; seed += 1) {
    const chosen = chosenDegradations(all, streamOf(seed, 'chosen'));
    t.is(new Set(chosen).size, chosen.length);
    counts[chosen.length] = (counts[chosen.length] ?? 0) + 1;
    firsts.add(chosen[0]);
  }
  t.is(counts[0], 0);
  t.true(
    counts.slice(1).every((count) => count > 60),
    `${counts}`,
  );
  t.is(firsts.size, 4);
  t.deepEqual(chosenDegradations([], streamOf(1, 'chosen')), []);
});
