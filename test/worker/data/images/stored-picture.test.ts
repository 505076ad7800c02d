import test from 'ava';
import fc from 'fast-check';
import { Bug } from '../../../../crds/failures/errors.ts';
import type { Image } from '../../../../worker/data/images/image.ts';
import { valueWriter } from '../../../../worker/data/images/preprocess.ts';
import type { Preprocessing, Size } from '../../../../worker/data/images/preprocessing.ts';
import { packPicture, unpackShaped } from '../../../../worker/data/images/stored-picture.ts';
import { UnusableRecord } from '../../../../worker/files/unusable-record.ts';
import { preprocess } from '../../../builders/preprocess.ts';

const how: Preprocessing = {
  ...{ channels: 3, scale: 1 / 255, normalize: { mean: [0.1, 0.2, 0.3], std: [0.5, 0.6, 0.7] } },
  ...{ resize: { to: { shortestEdge: 9 }, filter: 'Bicubic' }, crop: { height: 8, width: 7 } },
};
const size: Size = { height: 8, width: 7 };
const headBytes = 12;

function drawn(width: number, height: number, channels: 1 | 3): Image {
  const pixels = Uint8Array.from(
    { length: width * height * channels },
    (_, i) => (i * i * 7 + i) % 256,
  );
  return { width, height, channels, pixels };
}

function unpacked(packed: Uint8Array, wanted: Preprocessing): Float32Array {
  const values = new Float32Array(wanted.channels * size.width * size.height);
  valueWriter(wanted)(unpackShaped(packed, wanted), values, 0);
  return values;
}

test('whichever form is stored, the values are those of preprocessing, to the bit', (t) => {
  const edge = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(edge, edge, fc.constantFrom(1, 3), fc.constantFrom(1, 3), (w, h, from, to) => {
      const picture = drawn(w, h, from);
      const one = to === 3 ? how : { ...how, channels: to, normalize: { mean: [0.4], std: [2] } };
      const packed = packPicture(picture, one, size);
      t.deepEqual(unpacked(packed, one), preprocess(picture, one).values);
      const kept = to === 1 ? 1 : from;
      t.is(packed.length, headBytes + kept * Math.min(w * h, size.width * size.height));
    }),
  );
});

test('a picture that gets another size than the model reads is unusable', (t) => {
  const uncropped = { ...how, crop: null };
  t.throws(() => packPicture(drawn(40, 20, 3), uncropped, { height: 9, width: 9 }), {
    instanceOf: UnusableRecord,
    message:
      'is 40 x 20 pixels, which preprocessing makes 18 x 9; the model reads 9 x 9 · let preprocessor_config.json resize or crop to it',
  });
  const asIs = { ...uncropped, resize: null };
  t.throws(() => packPicture(drawn(8, 7, 1), asIs, size), {
    instanceOf: UnusableRecord,
    message: /^is 8 x 7 pixels; the model reads 7 x 8 · /,
  });
  t.is(packPicture(drawn(7, 8, 1), asIs, size).length, headBytes + 56);
});

test('bytes that are not those of a stored picture are a bug, never read as another', (t) => {
  const packed = packPicture(drawn(5, 5, 1), how, size);
  t.throws(() => unpacked(packed.subarray(0, -1), how), { instanceOf: Bug });
});
