import test from 'ava';
import type { Image } from '../../../worker/data/images/image.ts';
import { resize } from '../../../worker/data/images/resize.ts';
import { cutOut, packTarget, unpackTarget } from '../../../worker/data/images/stored-target.ts';
import { drawnPair } from '../../../worker/data/restored-documents.ts';
import { UnusableRecord } from '../../../worker/files/unusable-record.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';

/** Each pixel says where it is. */
const picture: Image = {
  ...{ width: 40, height: 30, channels: 3 },
  pixels: Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % 40, Math.floor(i / 120)];
    return c === 0 ? x : c === 1 ? y : 7;
  }),
};

const drawing = { crop: 8, scale: 2, degradations: [], order: 'AsListed' } as const;

test('a stored picture is the picture, and grey becomes colour', (t) => {
  t.deepEqual(unpackTarget(packTarget(picture, 16)), picture);
  const grey: Image = { width: 2, height: 1, channels: 1, pixels: Uint8Array.of(3, 200) };
  const { channels, pixels } = unpackTarget(packTarget(grey, 1));
  t.is(channels, 3);
  t.deepEqual([...pixels], [3, 3, 3, 200, 200, 200]);
});

test('a picture that is smaller than its parts is refused with both sizes', (t) => {
  t.throws(() => packTarget(picture, 32), {
    instanceOf: UnusableRecord,
    message: /is 40 x 30 pixels; parts of 32 x 32 are cut out of it/,
  });
});

test('a target is a part of the picture, and its input is that made smaller', (t) => {
  const { target, input } = drawnPair(picture, drawing, streamOf(1, 'picture'));
  const [left = 0, top = 0] = target.pixels;
  t.deepEqual(target, cutOut(picture, [left, top], 16));
  t.deepEqual(input, resize(target, 8, 8, 'Bicubic'));
});

test('parts lie anywhere in the picture, the same of one stream', (t) => {
  const places = Array.from({ length: 400 }, (_, key) => {
    const [left = 0, top = 0] = drawnPair(picture, drawing, streamOf(1, 'picture', key)).target
      .pixels;
    return [left, top] as const;
  });
  t.is(Math.min(...places.map(([left]) => left)), 0);
  t.is(Math.max(...places.map(([left]) => left)), 40 - 16);
  t.is(Math.min(...places.map(([, top]) => top)), 0);
  t.is(Math.max(...places.map(([, top]) => top)), 30 - 16);
  const stream = streamOf(5, 'picture', 1);
  t.deepEqual(drawnPair(picture, drawing, stream), drawnPair(picture, drawing, stream));
});

test('degradations are of the input alone', (t) => {
  const stream = streamOf(2, 'picture');
  const clean = drawnPair(picture, drawing, stream);
  const worse = drawnPair(picture, { ...drawing, degradations: [{ noise: 30 }] }, stream);
  t.deepEqual(worse.target, clean.target);
  t.notDeepEqual(worse.input, clean.input);
});
