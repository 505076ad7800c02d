import test from 'ava';
import fc from 'fast-check';
import { UserError } from '../../../crds/failures/errors.ts';
import { HeaderGoesOn, parseGguf } from '../../../worker/files/gguf-header.ts';
import type { GgufTypeName } from '../../../worker/files/gguf-types.ts';
import {
  type GgufPair,
  type GgufPlannedTensor,
  printGgufHeader,
} from '../../../worker/files/gguf-writer.ts';

const align = (length: number) => Math.ceil(length / 32) * 32;

/** A whole file with zeroes for data. */
function file(
  pairs: Readonly<Record<string, GgufPair>>,
  tensors: Readonly<Record<string, readonly [GgufTypeName, readonly number[]]>>,
  dataBytes: number,
): Buffer {
  const planned = Object.entries(tensors).map(([name, [type, shape]]) => {
    const tensor: GgufPlannedTensor = { type, shape, parts: () => [] };
    return [name, tensor] as const;
  });
  const header = printGgufHeader(new Map(Object.entries(pairs)), new Map(planned));
  return Buffer.concat([header, Buffer.alloc(align(header.length) - header.length + dataBytes)]);
}

test('pairs of every kind and tensors are read back from what was written', (t) => {
  const bytes = file(
    {
      'general.architecture': { type: 'string', value: 'llama' },
      count: { type: 'uint32', value: 4_000_000_000 },
      offset: { type: 'int32', value: -7 },
      eps: { type: 'float32', value: 0.5 },
      flag: { type: 'bool', value: true },
      tokens: { type: 'strings', value: ['a', '▁the', ''] },
      types: { type: 'int32s', value: [1, 3, -1] },
      scores: { type: 'float32s', value: [0, -1.5, 2] },
    },
    { matrix: ['Q8_0', [3, 64]], vector: ['F32', [5]] },
    align(3 * 68) + 20,
  );
  const { metadata, tensors, dataStart, version, alignment } = parseGguf(bytes);
  t.deepEqual([version, alignment], [3, 32]);
  t.deepEqual(
    [...metadata].map(([key, { value }]) => [key, value]),
    [
      ['general.architecture', 'llama'],
      ['count', 4_000_000_000],
      ['offset', -7],
      ['eps', 0.5],
      ['flag', true],
      ['tokens', ['a', '▁the', '']],
      ['types', [1, 3, -1]],
      ['scores', [0, -1.5, 2]],
    ],
  );
  t.like(tensors.get('matrix'), { shape: [3, 64], begin: dataStart, end: dataStart + 204 });
  t.like(tensors.get('vector'), { shape: [5], begin: dataStart + 224 });
  t.is(tensors.get('matrix')?.type.name, 'Q8_0');
});

test('a value copied raw is the same bytes in the new file', (t) => {
  const tokens: GgufPair = { type: 'strings', value: ['x', '<0x0A>', 'ü'] };
  const value = parseGguf(file({ tokens }, {}, 0)).metadata.get('tokens');
  const copied = file(
    { tokens: { type: 'raw', valueType: value!.type, value: value!.raw } },
    {},
    0,
  );
  t.deepEqual(copied, file({ tokens }, {}, 0));
});

test('the beginning of a file asks for more, its whole header does not', (t) => {
  const bytes = file({ key: { type: 'string', value: 'value' } }, { w: ['F32', [8]] }, 32);
  const headerBytes = parseGguf(bytes).dataStart;
  t.throws(() => parseGguf(bytes.subarray(0, 40), bytes.length), { instanceOf: HeaderGoesOn });
  t.notThrows(() => parseGguf(bytes.subarray(0, headerBytes), bytes.length));
});

const one = (pairs: Readonly<Record<string, GgufPair>> = {}) =>
  file(pairs, { w: ['Q4_K', [2, 512]] }, align(576));
/** The bytes with other ones written over them at a place found by what stands before it. */
function patched(
  bytes: Buffer,
  after: string,
  distance: number,
  change: readonly number[],
): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(change, copy.indexOf(after) + after.length + distance);
  return copy;
}
const huge = [255, 255, 255, 255, 255, 255, 255, 127];

const lies: readonly (readonly [string, Buffer, RegExp])[] = [
  ['is empty', Buffer.alloc(0), /magic number at byte 0 takes 4 bytes; 0 are left/],
  ['begins with something else', Buffer.from('GGML1234'), /does not begin with "GGUF"/],
  ['has an old version', patched(one(), 'GGUF', 0, [1]), /version is 1; 2 and 3 are read/],
  ['is big-endian', patched(one(), 'GGUF', 0, [0, 0, 0, 3]), /big-endian/],
  [
    'claims exabytes of tensors',
    patched(one(), 'GGUF', 4, huge),
    /tensors by its header; \d+ bytes cannot hold/,
  ],
  [
    'claims exabytes of pairs',
    patched(one(), 'GGUF', 12, huge),
    /pairs by its header; \d+ bytes cannot hold/,
  ],
  ['has a name longer than it', patched(one(), 'GGUF', 20, [0, 16]), /tensor name .* takes 4096/],
  ['has a tensor of rank 9', patched(one(), '\u0000w', 0, [9]), /"w" has 9 dimensions; at most 4/],
  ['has a type nobody knows', patched(one(), '\u0000w', 20, [77]), /"w" has the type 77; .*Q4_K/],
  ['has a type that is not read', patched(one(), '\u0000w', 20, [20]), /the type IQ4_NL; .*Q4_K/],
  ['has rows that are no blocks', patched(one(), '\u0000w', 4, [1, 2]), /rows of 513; .*256/],
  ['overflows its sizes', patched(one(), '\u0000w', 12, huge), /a dimension of 92233/],
  ['has more rows than bytes', patched(one(), '\u0000w', 12, [9]), /the file ends before/],
  ['has data outside it', patched(one(), '\u0000w', 24, huge), /the file ends before/],
  [
    'has data at an odd place',
    Buffer.concat([patched(one(), '\u0000w', 24, [1]), Buffer.alloc(64)]),
    /is at 1; it must be a multiple of 32/,
  ],
  [
    'has an alignment of 3',
    one({ 'general.alignment': { type: 'uint32', value: 3 } }),
    /alignment is 3; it must be a power of two/,
  ],
  [
    'has a list of lists',
    patched(one({ list: { type: 'int32s', value: [1] } }), 'list', 4, [9]),
    /"list" is a list of lists/,
  ],
  [
    'has a list longer than it',
    patched(one({ list: { type: 'int32s', value: [1] } }), 'list', 8, [255, 255, 255]),
    /elements of "list" by its header; \d+ bytes cannot hold/,
  ],
  [
    'has a value of type 13',
    patched(one({ key: { type: 'uint32', value: 1 } }), 'key', 0, [13]),
    /"key" has the type 13/,
  ],
  [
    'has a key twice',
    patched(
      one({ aa: { type: 'bool', value: true }, ab: { type: 'bool', value: true } }),
      'ab',
      -1,
      [97],
    ),
    /the key "aa" occurs twice/,
  ],
];
const refuses = test.macro({
  exec(t, bytes: Buffer, message: RegExp) {
    const error = t.throws(() => parseGguf(bytes, bytes.length, 'm.gguf'), {
      instanceOf: UserError,
    });
    t.regex(error.message, message);
    t.true(error.message.startsWith('m.gguf: '));
  },
  title: (name) => `a file that ${name} is refused with a sentence`,
});
for (const [name, bytes, message] of lies) test(name, refuses, bytes, message);

test('two tensors over each other are refused', (t) => {
  const bytes = file({}, { a: ['F32', [8]], b: ['F32', [8]] }, 64);
  const moved = patched(bytes, '\u0000b', 16, [0]);
  t.throws(() => parseGguf(moved), { message: /overlaps the one before it/ });
});

test('any damage gives a header or a UserError', (t) => {
  const valid = one({
    'general.architecture': { type: 'string', value: 'llama' },
    tokens: { type: 'strings', value: ['a', 'b'] },
  });
  const damage = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 8 });
  t.notThrows(() =>
    fc.assert(
      fc.property(damage, fc.nat(valid.length), (changes, length) => {
        const bytes = Buffer.from(valid);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          parseGguf(bytes.subarray(0, length));
        } catch (error) {
          t.true(error instanceof UserError, String(error));
        }
      }),
      { numRuns: 3000 },
    ),
  );
});
