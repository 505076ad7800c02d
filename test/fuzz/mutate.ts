// Small damage to bytes, of the kinds that break parsers: flipped bits, lying lengths, cut and
// doubled parts, pieces of other inputs, words that the format knows.
import type { Random } from './random.ts';

export interface Material {
  readonly corpus: readonly Uint8Array[];
  readonly words: readonly Uint8Array[];
  readonly maxBytes: number;
}

type Mutation = (bytes: Uint8Array, random: Random, material: Material) => Uint8Array;

const bytesOfNote = [0, 1, 0x20, 0x22, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xff];
const integers = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0xffffn,
  0x7fff_ffffn,
  0xffff_ffffn,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const numerals = ['0', '-1', '1', '1e999', '0.5', '4294967296', '9007199254740993', '-0', '1e-9'];

const mutations: readonly Mutation[] = [
  (bytes, random) =>
    overwrite(bytes, random, [(bytes[random.below(bytes.length)] ?? 0) ^ (1 << random.below(8))]),
  (bytes, random) => overwrite(bytes, random, [random.pick(bytesOfNote)]),
  (bytes, random) => overwrite(bytes, random, [random.below(256)]),
  (bytes, random) => overwrite(bytes, random, integer(random, bytes.length)),
  (bytes, random) => insert(bytes, random, integer(random, bytes.length)),
  (bytes, random) =>
    insert(
      bytes,
      random,
      Array.from({ length: 1 + random.below(8) }, () => random.below(256)),
    ),
  (bytes, random) => {
    const [begin, end] = part(bytes, random);
    return join(bytes.subarray(0, begin), bytes.subarray(end));
  },
  (bytes, random) => {
    const [begin, end] = part(bytes, random);
    const at = random.below(bytes.length + 1);
    return join(bytes.subarray(0, at), bytes.subarray(begin, end), bytes.subarray(at));
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random, { corpus }) => {
    const other = random.pick(corpus);
    const [begin, end] = part(other, random);
    const at = random.below(bytes.length + 1);
    const keep = random.chance(0.5) ? at : Math.min(bytes.length, at + end - begin);
    return join(bytes.subarray(0, at), other.subarray(begin, end), bytes.subarray(keep));
  },
  (bytes, random, { words }) => insert(bytes, random, random.pick(words)),
  (bytes, random, { words }) => overwrite(bytes, random, random.pick(words)),
  (bytes, random, { words }) => replaceWord(bytes, random, words),
  (bytes, random) => replaceNumeral(bytes, random),
];

/** One to eight mutations, one after the other. */
export function mutate(bytes: Uint8Array, random: Random, material: Material): Uint8Array {
  let result = bytes;
  for (let left = 1 + random.below(1 << random.below(4)); left > 0; left -= 1) {
    result = random.pick(mutations)(result, random, material);
  }
  return result.slice(0, material.maxBytes);
}

function overwrite(bytes: Uint8Array, random: Random, piece: ArrayLike<number>): Uint8Array {
  const at = random.below(bytes.length + 1);
  return join(bytes.subarray(0, at), Uint8Array.from(piece), bytes.subarray(at + piece.length));
}

function insert(bytes: Uint8Array, random: Random, piece: ArrayLike<number>): Uint8Array {
  const at = random.below(bytes.length + 1);
  return join(bytes.subarray(0, at), Uint8Array.from(piece), bytes.subarray(at));
}

/** A word in the place of another that is there. */
function replaceWord(bytes: Uint8Array, random: Random, words: readonly Uint8Array[]): Uint8Array {
  const old = random.pick(words);
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(old);
  if (at < 0) return insert(bytes, random, random.pick(words));
  return join(bytes.subarray(0, at), random.pick(words), bytes.subarray(at + old.length));
}

function replaceNumeral(bytes: Uint8Array, random: Random): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const found = [...text.matchAll(/-?\d+/g)];
  if (found.length === 0) return bytes;
  const { index, 0: old } = random.pick(found);
  const fresh = random.chance(0.5)
    ? random.pick(numerals)
    : String(Number(old) + random.below(3) - 1);
  return join(bytes.subarray(0, index), Buffer.from(fresh), bytes.subarray(index + old.length));
}

/**
 * Little-endian, of 1 to 8 bytes; sometimes near the length of the input, which lengths in headers
 * are.
 */
function integer(random: Random, length: number): Uint8Array {
  const all = new DataView(new ArrayBuffer(8));
  const near = BigInt(Math.max(0, length - random.below(16)));
  all.setBigUint64(0, random.chance(0.3) ? near : random.pick(integers), true);
  return new Uint8Array(all.buffer, 0, random.pick([1, 2, 4, 8]));
}

function part(bytes: Uint8Array, random: Random): readonly [number, number] {
  const begin = random.below(bytes.length + 1);
  const longest = random.chance(0.5) ? 16 : bytes.length;
  return [begin, Math.min(bytes.length, begin + random.below(longest + 1))];
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
