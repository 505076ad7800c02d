// WAV files, with any header.
interface WavHeader {
  readonly encoding: number;
  readonly channels: number;
  readonly rate: number;
  readonly bits: number;
  /** Behind the usual 16 bytes. */
  readonly more: Buffer;
}

const usual: WavHeader = {
  ...{ encoding: 1, channels: 1, rate: 16_000, bits: 16, more: Buffer.alloc(0) },
};

export function wavOf(samples: readonly number[], header: Partial<WavHeader> = {}): Buffer {
  const { encoding, channels, rate, bits, more } = { ...usual, ...header };
  const format = Buffer.alloc(16);
  format.writeUInt16LE(encoding, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt32LE((rate * channels * bits) / 8, 8);
  format.writeUInt16LE((channels * bits) / 8, 12);
  format.writeUInt16LE(bits, 14);
  const data = Buffer.alloc(2 * samples.length);
  for (const [i, sample] of samples.entries()) data.writeInt16LE(sample, 2 * i);
  return riffOf(wavChunk('fmt ', Buffer.concat([format, more])), wavChunk('data', data));
}

export function riffOf(...chunks: readonly Buffer[]): Buffer {
  return wavChunk('RIFF', Buffer.concat([Buffer.from('WAVE'), ...chunks]));
}

export function wavChunk(id: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([Buffer.from(id), length, body, Buffer.alloc(body.length % 2)]);
}
