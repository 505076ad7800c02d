import test from 'ava';
import type { Image } from '../../../../worker/data/images/image.ts';
import type { Box } from '../../../../worker/data/tracked/box.ts';
import {
  clipInWords,
  packClip,
  readClipHead,
  readFrame,
} from '../../../../worker/data/tracked/stored-clip.ts';
import { UnusableRecord } from '../../../../worker/files/unusable-record.ts';

const boxes: readonly Box[] = [
  [1, 2, 3, 4],
  [0.5, 0, 2.25, 3],
];

function frame(seed: number, width = 3, height = 2): { name: string; image: Image } {
  const pixels = Uint8Array.from({ length: 3 * width * height }, (_, i) => (37 * i + seed) % 256);
  return { name: `${seed}.png`, image: { width, height, channels: 3, pixels } };
}

test('a stored clip has its boxes and its frames, and grey becomes colour', (t) => {
  const grey = { ...frame(9).image, channels: 1 as const, pixels: Uint8Array.of(1, 2, 3, 4, 5, 6) };
  const packed = Buffer.from(packClip(boxes, [frame(1), { name: 'grey', image: grey }]));
  const read = (from: number, length: number) => packed.subarray(from, from + length);
  const head = readClipHead(read);
  t.deepEqual(head, { width: 3, height: 2, boxes });
  t.deepEqual([...readFrame(head, 0, read).pixels], [...frame(1).image.pixels]);
  t.deepEqual([...readFrame(head, 1, read).pixels.subarray(0, 6)], [1, 1, 1, 2, 2, 2]);
  t.is(clipInWords(packed), '2 frames of 3 x 2 pixels');
});

test('frames of several sizes, and clips of too many pixels, are refused in a sentence', (t) => {
  t.throws(() => packClip(boxes, [frame(1), frame(2, 4)]), {
    instanceOf: UnusableRecord,
    message:
      /has frames of 3 x 2 pixels, but 2\.png is 4 x 2 · frames of a clip must have one size/,
  });
  const many = Array.from({ length: 4000 }, (): Box => [0, 0, 1, 1]);
  const large: Image = { width: 1000, height: 100, channels: 3, pixels: new Uint8Array() };
  t.throws(() => packClip(many, [{ name: 'a', image: large }]), {
    instanceOf: UnusableRecord,
    message: /has 4000 frames of 1000 x 100 pixels; a clip is kept with at most 512 MiB of pixels/,
  });
});
