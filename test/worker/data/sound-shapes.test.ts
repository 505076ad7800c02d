import test from 'ava';
import { detectShape } from '../../../worker/data/detect.ts';
import { toSample } from '../../../worker/data/formats.ts';
import { UnusableRecord } from '../../../worker/files/unusable-record.ts';

const bytes = Uint8Array.of(1, 2, 3);

function sampleOf(record: object) {
  return toSample(detectShape([record], 'Audio'), record, false);
}

test('a sound is named, or its file is in the record, beside what is said', (t) => {
  const named = { type: 'Audio', sound: { type: 'Named', path: 'a.wav' }, text: 'Hello.' };
  t.deepEqual(sampleOf({ audio: 'a.wav', text: ' Hello.\n' }), named);
  t.deepEqual(sampleOf({ file_name: 'a.wav', transcription: 'Hello.' }), named);
  t.deepEqual(sampleOf({ audio: { bytes: null, path: 'a.wav' }, sentence: 'Hello.' }), named);
  t.deepEqual(sampleOf({ audio: { bytes, path: 'a.wav' }, text: Buffer.from('Hello.') }), {
    ...{ type: 'Audio', sound: { type: 'Bytes', bytes }, text: 'Hello.' },
  });
});

test('a sound that is nowhere, or of which nothing is said, is unusable', (t) => {
  const refused = (record: object, message: RegExp) =>
    t.throws(() => sampleOf(record), { instanceOf: UnusableRecord, message });
  refused({ audio: { bytes: null, path: null }, text: 'a' }, /a sound with neither bytes nor/);
  refused({ audio: 'a.wav', text: ' ' }, /has an empty text; what is said is learned/);
  refused({ audio: 'a.wav', text: 3 }, /has text that is not text/);
});
