// Samples the blocks that are active in an interval. The random stream is named by seed and
// interval: no generator has state that ranks would have to share and checkpoints to hold.
import { drawsOf, streamOf } from '../../tensor/streams.ts';

interface Draw {
  readonly seed: bigint;
  /** From 0. */
  readonly interval: number;
  /** Number of different blocks to sample. */
  readonly count: number;
}

/**
 * Samples `count` blocks without replacement, each with the probability of its weight among the
 * remaining ones; ascending. Blocks of weight 0 come last.
 */
export function drawWeighted(weights: readonly number[], { seed, interval, count }: Draw) {
  const draws = drawsOf(streamOf(seed, 'blocks', interval));
  const left = weights.map((weight, block) => ({ block, weight }));
  const drawn: number[] = [];
  while (drawn.length < Math.min(count, weights.length)) {
    const at = pick(
      left.map(({ weight }) => weight),
      draws.uniform(),
    );
    drawn.push(...left.splice(at, 1).map(({ block }) => block));
  }
  return drawn.sort((a, b) => a - b);
}

/** All blocks in turn, in an order named by the seed. */
export function drawInTurn(blocks: number, { seed, interval, count }: Draw): readonly number[] {
  const draws = drawsOf(streamOf(seed, 'turns'));
  const order = Array.from({ length: blocks }, (_, block) => block);
  for (let last = blocks - 1; last > 0; last -= 1) {
    const other = draws.below(last + 1);
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  const taken = Math.min(count, blocks);
  return Array.from(
    { length: taken },
    (_, index) => order[(interval * taken + index) % blocks] ?? 0,
  ).sort((a, b) => a - b);
}

/** Index of the weight in which `u * sum` falls, `u` in [0, 1); the first when all are 0. */
function pick(weights: readonly number[], u: number): number {
  let rest = u * weights.reduce((sum, weight) => sum + weight, 0);
  let last = 0;
  for (const [index, weight] of weights.entries()) {
    if (weight <= 0) continue;
    if (rest < weight) return index;
    rest -= weight;
    last = index;
  }
  return last;
}
