import { decodeWav } from '../../../worker/data/audio/wav.ts';
import { UnusableRecord } from '../../../worker/files/unusable-record.ts';
import { riffOf, wavChunk, wavOf } from '../../builders/wav.ts';
import type { Target } from '../target.ts';

const plain = wavOf([1, -1, 300]);

export const target: Target = {
  seeds: [
    plain,
    wavOf([5], { encoding: 0xfffe, more: Buffer.alloc(24, 1) }),
    riffOf(wavChunk('LIST', Buffer.from('odd')), plain.subarray(12)),
  ],
  words: ['RIFF', 'WAVE', 'fmt ', 'data', 'LIST', '\x80\x3e\0\0', '\x01\0', '\x10\0', '\0\0\0\0'],
  run(bytes) {
    try {
      const samples = decodeWav(bytes, 4096);
      if (samples.length === 0) throw new Error('no samples are read as sound');
    } catch (error) {
      if (!(error instanceof UnusableRecord)) throw error;
    }
  },
};
