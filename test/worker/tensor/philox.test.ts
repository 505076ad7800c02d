import test from 'ava';
import fc from 'fast-check';
import { philox4x32, type Words4 } from '../../../worker/tensor/philox.ts';

// The vectors that the authors publish with Random123.
const published: readonly [Words4, readonly [number, number], Words4][] = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

test('Philox gives the published answers', (t) => {
  for (const [counter, key, answer] of published) t.deepEqual(philox4x32(counter, key), answer);
});

test('Philox equals the same rounds in 64-bit integers', (t) => {
  const word = fc.nat({ max: 0xffffffff });
  fc.assert(
    fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word), (counter, key) => {
      t.deepEqual(philox4x32(counter, key), inBigIntegers(counter, key));
    }),
  );
});

function inBigIntegers(counter: Words4, key: readonly [number, number]): Words4 {
  const low = (x: bigint): bigint => x & 0xffffffffn;
  let [a, b, c, d] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  for (let round = 0n; round < 10n; round++) {
    const k0 = low(BigInt(key[0]) + round * 0x9e3779b9n);
    const k1 = low(BigInt(key[1]) + round * 0xbb67ae85n);
    const first = a * 0xd2511f53n;
    const second = c * 0xcd9e8d57n;
    [a, b, c, d] = [(second >> 32n) ^ b ^ k0, low(second), (first >> 32n) ^ d ^ k1, low(first)];
  }
  return [Number(a), Number(b), Number(c), Number(d)];
}
