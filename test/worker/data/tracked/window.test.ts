import test from 'ava';
import type { Image } from '../../../../worker/data/images/image.ts';
import {
  boxIn,
  drawnWindow,
  searchFactor,
  shown,
  templateFactor,
  windowAround,
} from '../../../../worker/data/tracked/window.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';

const box = [40, 30, 60, 50] as const;

/** Each pixel says where it is. */
const frame: Image = {
  ...{ width: 100, height: 80, channels: 3 },
  pixels: Uint8Array.from({ length: 100 * 80 * 3 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % 100, Math.floor(i / 300)];
    return c === 0 ? x : c === 1 ? y : 7;
  }),
};

test('a window around a square is so many times as wide, with the object in its middle', (t) => {
  t.deepEqual(windowAround(box, templateFactor), { left: 30, top: 20, side: 40 });
  const search = windowAround(box, searchFactor);
  t.deepEqual(search, { left: 10, top: 0, side: 80 });
  t.deepEqual(boxIn(search, box), [0.375, 0.375, 0.625, 0.625]);
});

test('a window of a wide object has the area of the object with as much beside it on both axes', (t) => {
  const { side } = windowAround([0, 0, 30, 10], 2);
  t.is(side, Math.round(Math.sqrt((30 + 20) * (10 + 20))));
});

test('a box is cut off at the edges of its window', (t) => {
  t.deepEqual(boxIn({ left: 50, top: 40, side: 100 }, box), [0, 0, 0.1, 0.1]);
});

test('windows that are drawn show enough of the object, at many places and sizes', (t) => {
  const all = Array.from({ length: 300 }, (_, key) => drawnWindow(box, streamOf(1, 'w', key)));
  for (const window of all) {
    const [left, top, right, bottom] = boxIn(window, box);
    t.true(right - left >= 10 / 224 && bottom - top >= 10 / 224, JSON.stringify(window));
  }
  const sides = all.map(({ side }) => side);
  t.true(Math.min(...sides) < 50 && Math.max(...sides) > 120, 'a deviation is a quarter of 80');
  const lefts = all.map((window) => boxIn(window, box)[0]);
  t.true(Math.min(...lefts) === 0 && Math.max(...lefts) > 0.8);
  t.deepEqual(drawnWindow(box, streamOf(1, 'w', 3)), all[3]);
});

test('a window inside of the frame is that part of it', (t) => {
  const { width, pixels } = shown(frame, { left: 30, top: 20, side: 4 }, 4);
  t.is(width, 4);
  t.deepEqual([...pixels.subarray(0, 6)], [30, 20, 7, 31, 20, 7]);
});

test('beside the frame is its mean colour', (t) => {
  const { pixels } = shown(frame, { left: -2, top: -2, side: 4 }, 4);
  const mean = [50, 40, 7];
  t.deepEqual([...pixels.subarray(0, 12)], [...mean, ...mean, ...mean, ...mean]);
  t.deepEqual([...pixels.subarray(3 * 10, 3 * 11)], [0, 0, 7], 'its first pixel');
  const away = shown(frame, { left: 500, top: 0, side: 2 }, 2);
  t.deepEqual([...away.pixels.subarray(0, 3)], mean);
});
