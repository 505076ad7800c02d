// Packed integers against bits that are set one by one, for rows of all lengths.
import test from 'ava';
import {
  packRows,
  unpackRows,
  wordsOf,
} from '../../../../worker/methods/weights/packed-integers.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { uniform } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { toArray, toBytes } from '../../../../worker/tensor/tensor.ts';

const rows = 3;

for (const bits of [2, 3, 4, 8]) {
  test(`rows of any length are packed bit after bit, and unpacked: ${bits} bits`, (t) => {
    for (let columns = 1; columns <= 97; columns += 1) {
      scope(() => {
        const stream = streamOf(1, 'packed', columns, bits);
        const codes = ops.floor(uniform([rows, columns], 0, 2 ** bits, stream, 'float64'));
        const packed = packRows(codes, bits);
        t.is(packed.dtype, 'int32');
        t.deepEqual(packed.shape, [rows, wordsOf(columns, bits)]);
        t.deepEqual(toArray(unpackRows(packed, columns, bits)), toArray(codes));
        const expected = new Uint8Array(rows * 4 * wordsOf(columns, bits));
        for (const [at, code] of toArray(codes).entries()) {
          const first = 32 * wordsOf(columns, bits) * Math.floor(at / columns);
          for (let bit = 0; bit < bits; bit += 1) {
            const place = first + (at % columns) * bits + bit;
            if ((code >> bit) & 1) expected[place >> 3]! |= 1 << (place & 7);
          }
        }
        t.deepEqual([...toBytes(packed)], [...expected]);
      });
    }
  });
}
