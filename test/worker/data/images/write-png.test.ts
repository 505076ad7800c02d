import test from 'ava';
import fc from 'fast-check';
import { decodeImage } from '../../../../worker/data/images/decode.ts';
import type { Image } from '../../../../worker/data/images/image.ts';
import { pngOf } from '../../../../worker/data/images/write-png.ts';

const images = fc
  .record({
    width: fc.integer({ min: 1, max: 9 }),
    height: fc.integer({ min: 1, max: 9 }),
    channels: fc.constantFrom<1 | 3>(1, 3),
  })
  .chain((size) => {
    const count = size.width * size.height * size.channels;
    return fc
      .uint8Array({ minLength: count, maxLength: count })
      .map((pixels): Image => ({ ...size, pixels }));
  });

test('a picture that is written is read as it was', (t) => {
  fc.assert(fc.property(images, (image) => void t.deepEqual(decodeImage(pngOf(image)), image)));
});
