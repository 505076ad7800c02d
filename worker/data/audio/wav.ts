// WAV → samples: PCM of 16 bits, one channel, 16,000 a second, as speech models read it. Nothing is
// resampled or mixed: a model would hear another sound than the file's, without a word about it.
import { UnusableRecord } from '../../files/unusable-record.ts';

/** Samples a second of all sound here. */
export const sampleRate = 16_000;

/** Of a file: more than an hour. */
export const maxWavBytes = 128 * 2 ** 20;

const pcm = 1;
/** A longer header, which has the format further behind. */
const extensible = 0xfffe;

interface Chunk {
  readonly id: string;
  readonly body: Uint8Array;
}

/**
 * The samples of a WAV file, -32768 to 32767. Throws UnusableRecord, which completes "FILE …", for
 * other rates, channels and encodings, and for a file that is not whole.
 */
export function decodeWav(bytes: Uint8Array, maxBytes: number = maxWavBytes): Int16Array {
  if (bytes.length > maxBytes) {
    throw new UnusableRecord(
      `has ${bytes.length} bytes; sound of at most ${maxBytes} is read · cut it into parts`,
    );
  }
  if (textAt(bytes, 0) !== 'RIFF' || textAt(bytes, 8) !== 'WAVE') {
    throw new UnusableRecord('is no WAV file by its first bytes; only WAV is read · convert it');
  }
  let isFormatKnown = false;
  for (let at = 12; ; ) {
    const { id, body } = chunkAt(bytes, at);
    // Chunks begin at even places.
    at += 8 + body.length + (body.length % 2);
    if (id === 'fmt ') {
      requireFormat(body);
      isFormatKnown = true;
    }
    if (id !== 'data') continue;
    if (!isFormatKnown) throw damaged('has sound before its format');
    return samplesOf(body);
  }
}

function chunkAt(bytes: Uint8Array, at: number): Chunk {
  if (at + 8 > bytes.length) throw damaged('ends before its sound');
  const id = textAt(bytes, at);
  const length = viewOf(bytes).getUint32(at + 4, true);
  const end = at + 8 + length;
  if (end > bytes.length) throw damaged(`ends in the chunk ${JSON.stringify(id)}`);
  return { id, body: bytes.subarray(at + 8, end) };
}

function requireFormat(body: Uint8Array): void {
  if (body.length < 16) throw damaged('has a format that is cut');
  const view = viewOf(body);
  const stated = view.getUint16(0, true);
  const isLong = stated === extensible && body.length >= 26;
  const encoding = isLong ? view.getUint16(24, true) : stated;
  const [channels, bits] = [view.getUint16(2, true), view.getUint16(14, true)];
  const rate = view.getUint32(4, true);
  if (encoding !== pcm || bits !== 16) {
    throw new UnusableRecord(
      `is WAV of the encoding ${encoding} with ${bits} bits; PCM (1) of 16 bits is read · convert it`,
    );
  }
  if (channels !== 1) {
    throw new UnusableRecord(
      `is WAV of ${channels} channels; one channel is read, and none are mixed · convert it to mono`,
    );
  }
  if (rate !== sampleRate) {
    throw new UnusableRecord(
      `is WAV of ${rate} samples a second; ${sampleRate} are read, and nothing is resampled · convert it`,
    );
  }
}

function samplesOf(body: Uint8Array): Int16Array {
  if (body.length === 0 || body.length % 2 !== 0) {
    throw damaged(`has ${body.length} bytes of sound, which are no whole samples`);
  }
  const view = viewOf(body);
  return Int16Array.from({ length: body.length / 2 }, (_, i) => view.getInt16(2 * i, true));
}

function textAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function damaged(problem: string): UnusableRecord {
  return new UnusableRecord(
    `is a damaged WAV file: it ${problem}; sound is read whole · replace it`,
  );
}
