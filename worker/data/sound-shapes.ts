// Records of sounds with what is said in them: a sound is named by its path, or its file is in the
// record, as in parquet files of the hub.
import { UnusableRecord } from '../files/unusable-record.ts';
import { fileOf, isFileValue, textOf } from './file-values.ts';
import type { Shape } from './formats.ts';
import type { Fields } from './messages.ts';

/** Names of the fields that have the sound, and its text. */
const soundKeys = ['audio', 'file_name'] as const;
const textKeys = ['text', 'sentence', 'transcription'] as const;

export const soundShapes: readonly Shape[] = soundKeys.flatMap((sound) =>
  textKeys.map((text) => ({
    name: `${sound} with ${text}`,
    formats: ['Audio'],
    keys: [sound, text],
    claims: (record) => isFileValue(record[sound]) && record[text] !== undefined,
    convert: (record) => ({
      type: 'Audio',
      sound: fileOf(record[sound], 'sound'),
      text: saidIn(record, text),
    }),
  })),
);

function saidIn(record: Fields, key: string): string {
  const text = textOf(record[key]);
  if (typeof text !== 'string') throw new UnusableRecord(`has ${key} that is not text`);
  const said = text.toWellFormed().trim();
  if (said === '') {
    throw new UnusableRecord(`has an empty ${key}; what is said is learned · leave silence out`);
  }
  return said;
}
