// Orders that every rank computes by itself: a permutation of any size whose positions are
// functions of a key (a Feistel network of keyed hashes, applied until the value is in range), and
// the interleaving of weighted sources.
import { createHash } from 'node:crypto';
import { invariant } from '../../crds/failures/errors.ts';

interface Permutation {
  readonly size: number;
  /** The element at a position. */
  readonly at: (position: number) => number;
}

const rounds = 6;

export function permutation(
  size: number,
  ...key: readonly (string | number | bigint)[]
): Permutation {
  invariant(Number.isSafeInteger(size) && size >= 0 && size <= 2 ** 48, `permutation of ${size}`);
  // Two halves of `bits` bits each: the smallest even power of two that is at least the size.
  const bits = Math.max(1, Math.ceil(Math.ceil(Math.log2(Math.max(2, size))) / 2));
  const half = 2 ** bits;
  const keys = roundKeys(key);
  const mix = (value: number): number => {
    let left = Math.floor(value / half);
    let right = value % half;
    for (const roundKey of keys) {
      const next = (left ^ (hash(right, roundKey) >>> (32 - bits))) >>> 0;
      left = right;
      right = next;
    }
    return left * half + right;
  };
  return {
    size,
    at: (position) => {
      invariant(position >= 0 && position < size, `position ${position} of ${size}`);
      let value = mix(position);
      while (value >= size) value = mix(value);
      return value;
    },
  };
}

/** One 32-bit word for each round, from the parts that name the order. */
function roundKeys(key: readonly (string | number | bigint)[]): number[] {
  const digest = createHash('sha256').update(key.join('/')).digest();
  return Array.from({ length: rounds }, (_, round) => digest.readUInt32LE(4 * round));
}

/** A 32-bit number that depends on every bit of both arguments. */
export function hash(value: number, key: number): number {
  let word = Math.imul(value ^ key, 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13) ^ (key >>> 7), 0xc2b2ae35);
  word = Math.imul(word ^ (word >>> 16), 0x27d4eb2f);
  return (word ^ (word >>> 15)) >>> 0;
}

/**
 * Yields the source of each next document: the one furthest behind its share of the tokens so far
 * (largest remainder), ties to the first.
 */
export function* interleave(
  weights: readonly number[],
  tokensOf: (source: number) => number,
): Generator<number, never> {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  invariant(total > 0, 'weights of an interleaving are all 0');
  const given = weights.map(() => 0);
  let all = 0;
  for (;;) {
    let next = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (const [source, weight] of weights.entries()) {
      // One token ahead, so that the first choice is the source with the largest weight.
      const behind = weight === 0 ? most : (weight / total) * (all + 1) - (given[source] ?? 0);
      if (behind > most) [next, most] = [source, behind];
    }
    yield next;
    const tokens = tokensOf(next);
    given[next] = (given[next] ?? 0) + tokens;
    all += tokens;
  }
}
