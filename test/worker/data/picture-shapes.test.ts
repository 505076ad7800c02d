import test from 'ava';
import { detectShape } from '../../../worker/data/detect.ts';
import { toSample } from '../../../worker/data/formats.ts';
import { UnusableRecord } from '../../../worker/files/unusable-record.ts';

const bytes = Uint8Array.of(1, 2, 3);

function sampleOf(record: object) {
  return toSample(detectShape([record], 'ImageClassification'), record, false);
}

test('a picture is named, or its file is in the record', (t) => {
  const type = 'ImageClassification';
  const named = { type, picture: { type: 'Named', path: 'a.png' }, label: 'cat' };
  t.deepEqual(sampleOf({ image: 'a.png', label: 'cat' }), named);
  t.deepEqual(sampleOf({ img: 'a.png', label: 'cat', fine_label: 3 }), named);
  t.deepEqual(sampleOf({ file_name: 'a.png', label: 'cat' }), named);
  t.deepEqual(sampleOf({ image: { bytes: null, path: 'a.png' }, label: 'cat' }), named);
  const held = { type, picture: { type: 'Bytes', bytes }, label: 1 };
  t.deepEqual(sampleOf({ image: { bytes, path: 'a.png' }, label: 1n }), held);
  t.deepEqual(sampleOf({ image: bytes, label: 1 }), held);
});

test('texts of a parquet file without types are texts', (t) => {
  const record = { image: { bytes: null, path: Buffer.from('a.png') }, label: Buffer.from('cat') };
  t.deepEqual(sampleOf(record), sampleOf({ image: 'a.png', label: 'cat' }));
});

test('a picture that is nowhere, or has no class, is unusable', (t) => {
  const refused = (record: object, message: RegExp) =>
    t.throws(() => sampleOf(record), { instanceOf: UnusableRecord, message });
  refused({ image: { bytes: null, path: null }, label: 1 }, /neither bytes nor a path/);
  refused({ image: 'a.png', label: null }, /has a label that is null/);
  refused({ image: 'a.png', label: [1] }, /has a label that is a list/);
});
