// Named random streams. A stream is a 64-bit key made from the job's seed, a purpose and its place
// of use: `streamOf(seed, 'dropout', path, step, sample)`. No generator has state, so the same
// numbers are generated when a block is recomputed, the job is resumed, or the world is resized.
import { philox4x32, type Words4 } from './philox.ts';

export interface Stream {
  /** As a signed 64-bit integer, for operators. */
  readonly key: bigint;
}

/** The stream of these names. Other names, or another order, give another stream. */
export function streamOf(
  seed: number | bigint,
  purpose: string,
  ...parts: readonly (string | number | bigint)[]
): Stream {
  let words: readonly [number, number] = [0, 0];
  for (const part of [BigInt(seed), purpose, ...parts]) {
    for (const block of blocksOf(part)) {
      const [low, high] = philox4x32(block, words);
      words = [low, high];
    }
  }
  return { key: BigInt.asIntN(64, (BigInt(words[1]) << 32n) | BigInt(words[0])) };
}

interface Draws {
  /** The next number in [0, 1), of 53 bits. */
  uniform(): number;
  /** The next whole number from 0 to count - 1, each equally likely. */
  below(count: number): number;
}

/** Random numbers for decisions in JavaScript, such as which layers are active. */
export function drawsOf(stream: Stream): Draws {
  const low = Number(BigInt.asUintN(32, stream.key));
  const high = Number(BigInt.asUintN(32, stream.key >> 32n));
  let block = 0;
  const uniform = (): number => {
    const [a, b] = philox4x32([block++, 0, hostDomain, 0], [low, high]);
    return (a * 2 ** 21 + (b >>> 11)) * 2 ** -53;
  };
  return { uniform, below: (count) => Math.floor(uniform() * count) };
}

/**
 * `count` different whole numbers from 0 to `of - 1`, in the order of drawing: of one stream, fewer
 * are the first of more.
 */
export function choose(count: number, of: number, stream: Stream): readonly number[] {
  const draws = drawsOf(stream);
  // Fisher and Yates, with only the places that have moved.
  const moved = new Map<number, number>();
  return Array.from({ length: count }, (_, i) => {
    const place = i + draws.below(of - i);
    const chosen = moved.get(place) ?? place;
    moved.set(place, moved.get(i) ?? i);
    return chosen;
  });
}

/** Separates these numbers from tensors of the same key, which use 0 and 1 (philox.h). */
const hostDomain = 2;

/** A part of a name as counters, so that different lists of parts give different blocks. */
function* blocksOf(part: string | number | bigint): Generator<Words4> {
  if (typeof part === 'string') {
    const bytes = new TextEncoder().encode(part);
    yield [1, bytes.length, 0, 0];
    const padded = new Uint8Array(Math.ceil(bytes.length / 16) * 16);
    padded.set(bytes);
    const view = new DataView(padded.buffer);
    for (let at = 0; at < padded.length; at += 16) {
      yield [
        view.getUint32(at, true),
        view.getUint32(at + 4, true),
        view.getUint32(at + 8, true),
        view.getUint32(at + 12, true),
      ];
    }
  } else {
    const number = BigInt(part);
    yield [2, 0, Number(BigInt.asUintN(32, number)), Number(BigInt.asUintN(32, number >> 32n))];
  }
}
