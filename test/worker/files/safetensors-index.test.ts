import test from 'ava';
import fc from 'fast-check';
import { UserError } from '../../../crds/failures/errors.ts';
import {
  parseSafetensorsIndex,
  printSafetensorsIndex,
} from '../../../worker/files/safetensors-index.ts';

const bytes = (document: unknown) => new TextEncoder().encode(JSON.stringify(document));

test('a printed index is read back', (t) => {
  const files = new Map([
    ['model.norm.weight', 'model-00002-of-00002.safetensors'],
    ['lm_head.weight', 'model-00001-of-00002.safetensors'],
  ]);
  const text = printSafetensorsIndex({ files, totalBytes: 96 });
  const index = parseSafetensorsIndex(new TextEncoder().encode(text));
  t.deepEqual(new Map([...index.files].sort()), new Map([...files].sort()));
  t.is(index.totalBytes, 96);
});

test('the size of all tensors may be missing', (t) => {
  t.is(parseSafetensorsIndex(bytes({ weight_map: {} })).totalBytes, undefined);
});

test('a file name cannot lead out of the folder', (t) => {
  const names = [
    '../a.safetensors',
    '/a.safetensors',
    'a/b.safetensors',
    'a.bin',
    '.safetensors',
    '',
  ];
  for (const name of names) {
    const error = t.throws(() => parseSafetensorsIndex(bytes({ weight_map: { w: name } })), {
      instanceOf: UserError,
    });
    t.regex(error.message, /must be a file name/);
  }
});

test('any bytes give an index or a UserError', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((j) => Buffer.from(j)),
        ),
        (input) => {
          try {
            parseSafetensorsIndex(input);
          } catch (error) {
            t.true(error instanceof UserError, String(error));
          }
        },
      ),
    ),
  );
});
