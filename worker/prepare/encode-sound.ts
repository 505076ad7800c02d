// A sound with its text → one document: the tokens of the text between those that begin and end
// each text of the model, and the features of the sound beside them. The text begins with a space,
// as those do that Whisper writes.
import { realpathSync } from 'node:fs';
import { Bug } from '../../crds/failures/errors.ts';
import { logMel } from '../data/audio/log-mel.ts';
import { packSound } from '../data/audio/stored-sound.ts';
import { decodeWav, maxWavBytes, sampleRate } from '../data/audio/wav.ts';
import type { FileSource, SoundSample } from '../data/sample.ts';
import { createTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import type { TokenizerDefinition } from '../data/tokenizer-definition.ts';
import { bytesOf, named } from './encode-picture.ts';
import type { Kept, Overlength, Skipped } from './encode-sample.ts';

export interface SoundRules {
  readonly tokenizer: TokenizerDefinition;
  /** Tokens before each text, which nobody learns, and the one behind it. */
  readonly before: readonly number[];
  readonly end: number;
  readonly sequenceLength: number;
  readonly overlength: Overlength | undefined;
  /** Of each sound: values of a frame, and frames, 100 a second. */
  readonly mels: number;
  readonly frames: number;
  /** The folder that no file of a sound lies outside of, links followed. */
  readonly boundary: string;
}

/** The encoder throws UnusableRecord for a sound that cannot be read. */
export function soundEncoder(
  rules: SoundRules,
  tokenizer: Tokenizer = createTokenizer(rules.tokenizer),
): (sample: SoundSample) => Kept | Skipped {
  const { before, end, sequenceLength, mels, frames } = rules;
  const boundary = realpathSync(rules.boundary);
  return ({ sound, text }) => {
    const samples = named(sound.type === 'File' ? `${sound.path} ` : 'has a sound that ', () =>
      decodeWav(soundBytes(sound, boundary)),
    );
    const seconds = samples.length / sampleRate;
    if (100 * seconds > frames) {
      const detail = `lasts ${seconds.toFixed(2)} s; the longest sound is of ${frames / 100} s, by spec.dataset.audioSeconds or else by the model`;
      return { skipped: 'TooLong', detail };
    }
    const ids = [...before, ...tokenizer.encode(` ${text}`), end];
    if (ids.length > sequenceLength) {
      const detail = `has ${ids.length} tokens; spec.dataset.sequenceLength is ${sequenceLength}`;
      return { skipped: 'TooLong', detail };
    }
    const marks = Uint8Array.from(ids, (_, at) => (at < before.length ? 0 : 1));
    const packed = packSound(logMel(samples, mels, frames));
    return { documents: [{ ids, marks, packed }], lost: 0 };
  };
}

function soundBytes(sound: FileSource, boundary: string): Uint8Array {
  if (sound.type === 'Bytes') return sound.bytes;
  if (sound.type === 'File') return bytesOf(sound.absolute, boundary, maxWavBytes);
  throw new Bug('a sound that was not looked up among the files of the data set');
}
