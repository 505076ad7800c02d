import test from 'ava';
import fc from 'fast-check';
import { decodeWav } from '../../../../worker/data/audio/wav.ts';
import { UnusableRecord } from '../../../../worker/files/unusable-record.ts';
import { riffOf, wavChunk, wavOf } from '../../../builders/wav.ts';

const sample = fc.integer({ min: -32_768, max: 32_767 });

test('Samples come back, at any place of a buffer', (t) => {
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1 }), fc.nat(3), (samples, before) => {
      const file = Buffer.concat([Buffer.alloc(before), wavOf(samples)]).subarray(before);
      t.deepEqual([...decodeWav(file)], samples);
    }),
  );
});

test('The long header of PCM is read, and chunks that say nothing about samples are skipped', (t) => {
  // 22 more bytes, 16 valid bits, the middle loudspeaker, the identifier of PCM.
  const more = Buffer.from('16001000040000000100000000001000800000aa00389b71', 'hex');
  t.deepEqual([...decodeWav(wavOf([5, -6], { encoding: 0xfffe, more }))], [5, -6]);
  const plain = wavOf([5, -6]).subarray(12);
  const file = riffOf(wavChunk('LIST', Buffer.from('odd')), plain);
  t.deepEqual([...decodeWav(file)], [5, -6]);
});

function refusal(file: Buffer, maxBytes?: number): string {
  try {
    decodeWav(file, maxBytes);
  } catch (error) {
    if (error instanceof UnusableRecord) return error.message;
    throw error;
  }
  return 'is read';
}

test('Other sound is refused in one sentence, not made to fit', (t) => {
  t.deepEqual(
    [
      refusal(wavOf([1], { rate: 44_100 })),
      refusal(wavOf([1, 2], { channels: 2 })),
      refusal(wavOf([1], { bits: 8 })),
      refusal(wavOf([1], { encoding: 3, bits: 32 })),
      refusal(Buffer.from('OggS and more')),
      refusal(wavOf([1]), 20),
    ],
    [
      'is WAV of 44100 samples a second; 16000 are read, and nothing is resampled · convert it',
      'is WAV of 2 channels; one channel is read, and none are mixed · convert it to mono',
      'is WAV of the encoding 1 with 8 bits; PCM (1) of 16 bits is read · convert it',
      'is WAV of the encoding 3 with 32 bits; PCM (1) of 16 bits is read · convert it',
      'is no WAV file by its first bytes; only WAV is read · convert it',
      'has 46 bytes; sound of at most 20 is read · cut it into parts',
    ],
  );
});

test('A part of a sound is never taken for all of it', (t) => {
  const file = wavOf([1, 2, 3]);
  for (let length = 0; length < file.length; length += 1) {
    t.not(refusal(file.subarray(0, length)), 'is read');
  }
  const sentence = (problem: string) =>
    `is a damaged WAV file: it ${problem}; sound is read whole · replace it`;
  const [format, data] = [file.subarray(12, 36), file.subarray(36)];
  t.deepEqual(
    [
      refusal(file.subarray(0, -1)),
      refusal(riffOf(data, format)),
      refusal(riffOf(format)),
      refusal(riffOf(wavChunk('fmt ', Buffer.alloc(4)))),
      refusal(riffOf(format, wavChunk('data', Buffer.alloc(3)))),
    ],
    [
      sentence('ends in the chunk "data"'),
      sentence('has sound before its format'),
      sentence('ends before its sound'),
      sentence('has a format that is cut'),
      sentence('has 3 bytes of sound, which are no whole samples'),
    ],
  );
});
