import test from 'ava';
import fc from 'fast-check';
import { UserError } from '../../../crds/failures/errors.ts';
import {
  byteCount,
  parseSafetensorsHeader,
  safetensorsTypes,
} from '../../../worker/files/safetensors-header.ts';

function file(header: string | object, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(
    typeof header === 'string' ? header : JSON.stringify(header),
  );
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const parse = (bytes: Uint8Array) => parseSafetensorsHeader(bytes, bytes.length, 'm.safetensors');
const entry = (dtype: string, shape: readonly number[], begin: number, end: number) => ({
  ...{ dtype, shape, data_offsets: [begin, end] },
});

test('tensors, metadata and places in the file are read', (t) => {
  const bytes = file(
    {
      __metadata__: { format: 'pt' },
      b: entry('F32', [2, 3], 4, 28),
      a: entry('BF16', [2], 0, 4),
      empty: entry('F16', [0, 7], 4, 4),
      scalar: entry('I64', [], 28, 36),
    },
    36,
  );
  const { tensors, metadata, dataStart } = parse(bytes);
  t.is(dataStart, bytes.length - 36);
  t.deepEqual([...metadata], [['format', 'pt']]);
  const begin = dataStart + 4;
  t.deepEqual(tensors.get('b'), { type: 'F32', shape: [2, 3], begin, end: begin + 24 });
  t.deepEqual(tensors.get('scalar')?.shape, []);
});

test('the first bytes of a file are enough when its size is known', (t) => {
  const bytes = file({ a: entry('U8', [1000], 0, 1000) }, 1000);
  const { dataStart } = parse(bytes);
  t.notThrows(() => parseSafetensorsHeader(bytes.subarray(0, dataStart), bytes.length));
  t.throws(() => parseSafetensorsHeader(bytes.subarray(0, dataStart - 1), bytes.length), {
    message: /cut off/,
  });
});

const lies: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['is too short', new Uint8Array(7), /7 bytes long/],
  ['ends inside its header', file('{}', 0).subarray(0, 9), /ends at byte 10, the file at 9/],
  [
    'has a header of petabytes',
    new Uint8Array([0, 0, 0, 0, 0, 0, 16, 0, 123]),
    /at most 100000000/,
  ],
  ['has a header that is no object', file('[]', 0), /does not begin with "{"/],
  [
    'has a header that is not UTF-8',
    file('{"\u00ff":1}', 0).map((b) => (b === 0xc3 ? 0xff : b)),
    /UTF-8/,
  ],
  ['names a tensor twice', file('{"a":{},"a":{}}', 0), /"a" occurs twice/],
  ['has data behind the last tensor', file({ a: entry('U8', [1], 0, 1) }, 2), /tensors end at/],
  ['ends before the last tensor', file({ a: entry('U8', [3], 0, 3) }, 2), /the file at/],
  [
    'has a hole',
    file({ a: entry('U8', [1], 0, 1), b: entry('U8', [1], 2, 3) }, 3),
    /"b" begins at byte \d+; it must begin at/,
  ],
  [
    'has an overlap',
    file({ a: entry('U8', [2], 0, 2), b: entry('U8', [2], 1, 3) }, 3),
    /"b" begins at/,
  ],
  [
    'has an unknown type',
    file({ a: entry('F12', [2], 0, 3) }, 3),
    /type "F12", which is not known/,
  ],
  ['has the type of a prototype', file({ a: entry('toString', [2], 0, 3) }, 3), /not known/],
  ['has a size that is no whole number', file({ a: entry('U8', [1.5], 0, 1) }, 1), /no shape/],
  ['has a negative size', file({ a: entry('U8', [-1], 0, 1) }, 1), /no shape/],
  ['has offsets backwards', file({ a: entry('U8', [1], 1, 0) }, 1), /no data_offsets/],
  [
    'takes other bytes than its shape',
    file({ a: entry('F32', [2], 0, 4) }, 4),
    /4 bytes; .*need 8/,
  ],
  [
    'overflows the product of its sizes',
    file({ a: entry('U8', [2 ** 40, 2 ** 40], 0, 0) }, 0),
    /larger than any file/,
  ],
  ['has half a byte', file({ a: entry('F4', [3], 0, 1) }, 1), /whole number of bytes/],
  ['has a field nobody knows', file('{"a":{"dtype":"U8","x":1}}', 0), /has a field "x"/],
  ['nests without end', file(`{"a":${'['.repeat(50)}`, 0), /deeper than 4/],
  ['has metadata that are no strings', file('{"__metadata__":{"a":1}}', 0), /not a string/],
];
const refuses = test.macro({
  exec(t, bytes: Uint8Array, message: RegExp) {
    const error = t.throws(() => parse(bytes), { instanceOf: UserError });
    t.regex(error.message, message);
    t.true(error.message.startsWith('m.safetensors: '));
  },
  title: (name) => `a file that ${name} is refused with a sentence`,
});
for (const [name, bytes, message] of lies) test(name, refuses, bytes, message);

test('any bytes give a header or a UserError', (t) => {
  const valid = file({ a: entry('BF16', [2], 0, 4), b: entry('F32', [2, 3], 4, 28) }, 28);
  const damage = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 });
  t.notThrows(() =>
    fc.assert(
      fc.property(damage, fc.nat(valid.length), (changes, length) => {
        const bytes = Uint8Array.from(valid);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          parse(bytes.subarray(0, length));
        } catch (error) {
          t.true(error instanceof UserError, String(error));
        }
      }),
      { numRuns: 2000 },
    ),
  );
});

test('a byte count is exact or absent', (t) => {
  t.is(byteCount([2, 3], 'F32'), 24);
  t.is(byteCount([3], 'F6_E2M3'), null);
  t.is(byteCount([4], 'F6_E2M3'), 3);
  t.is(byteCount([0, 2 ** 53], 'U8'), 0);
  t.is(byteCount([2 ** 50], 'F64'), null);
  t.is(Object.keys(safetensorsTypes).length, 22);
});
