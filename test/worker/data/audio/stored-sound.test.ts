import test from 'ava';
import { Bug } from '../../../../crds/failures/errors.ts';
import { logMel } from '../../../../worker/data/audio/log-mel.ts';
import { packSound, unpackSound } from '../../../../worker/data/audio/stored-sound.ts';

const tone = Int16Array.from({ length: 4000 }, (_, i) => 9000 * Math.sin(i / 7));

test('a sound comes back to the bit, and silence behind it takes no bytes', (t) => {
  const mel = logMel(tone, 5, 100);
  const packed = packSound(mel);
  // 4000 samples and half a frame are in 27 frames of 160.
  t.is(packed.length, 8 + 4 * 5 * 27);
  const into = new Float32Array(2 + mel.values.length);
  // As a file has it: at any place of a larger one.
  const file = Buffer.concat([Buffer.alloc(3), packed]).subarray(3);
  unpackSound(file, mel, into, 2);
  t.deepEqual(into.subarray(2), mel.values);
  t.deepEqual([...into.subarray(0, 2)], [0, 0]);
});

test('a sound that fills its window, and silence alone, come back too', (t) => {
  for (const samples of [tone, new Int16Array(4000)]) {
    const mel = logMel(samples, 5, 20);
    const into = new Float32Array(mel.values.length);
    unpackSound(packSound(mel), mel, into, 0);
    t.deepEqual(into, mel.values);
  }
  t.is(packSound(logMel(new Int16Array(4000), 5, 20)).length, 8);
});

test('a sound of other sizes is no sound of this store', (t) => {
  const packed = packSound(logMel(tone, 5, 100));
  const into = new Float32Array(500);
  t.throws(() => unpackSound(packed, { filters: 4, frames: 100 }, into, 0), { instanceOf: Bug });
  t.throws(() => unpackSound(packed, { filters: 5, frames: 20 }, into, 0), { instanceOf: Bug });
});
