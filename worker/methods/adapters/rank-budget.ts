// Ranks of layers in proportion to what they contribute, within a number of values for all of them
// (CoLoRA). Pure, of numbers that are the same at every rank of a world.
import { UserError } from '../../../crds/failures/errors.ts';

interface Sized {
  readonly out: number;
  readonly in: number;
}

interface Budget {
  /** Values of all adapters, as a share of the weights beside which they are. */
  readonly ratio: number;
  /** The most of a layer. */
  readonly rank: number;
}

/** A layer counts at least this part of the one that contributes most. */
const leastShare = 0.1;

/**
 * The rank of each layer, at least 1. Each next rank goes to the layer that has the fewest for what
 * it contributes, of those that can have one more; of equal ones to the one that contributes more,
 * else to the first.
 */
export function ranksWithin(
  layers: readonly Sized[],
  contributions: readonly number[],
  { ratio, rank }: Budget,
): readonly number[] {
  const budget = ratio * layers.reduce((sum, { out, in: inputs }) => sum + out * inputs, 0);
  const cost = ({ out, in: inputs }: Sized): number => out + inputs;
  const most = Math.max(...contributions);
  // Where nothing contributes, all count alike.
  const shares = contributions.map((own) => (most > 0 ? Math.max(leastShare, own / most) : 1));
  const ranks = layers.map(() => 1);
  let left = budget - layers.reduce((sum, layer) => sum + cost(layer), 0);
  if (left < 0) throw tooSmall(ratio, ratio * (1 - left / budget));
  for (;;) {
    let next = -1;
    let best = 0;
    for (const [i, layer] of layers.entries()) {
      const own = ranks[i] ?? 0;
      if (own >= Math.min(rank, layer.out, layer.in) || cost(layer) > left) continue;
      const claim = (shares[i] ?? 0) / (own + 1);
      // Those of different contributions may round to one number.
      const isMore = (contributions[i] ?? 0) > (contributions[next] ?? 0);
      if (claim > best || (claim === best && isMore)) [next, best] = [i, claim];
    }
    const layer = layers[next];
    if (layer === undefined) return ranks;
    ranks[next] = (ranks[next] ?? 0) + 1;
    left -= cost(layer);
  }
}

function tooSmall(ratio: number, least: number): UserError {
  const path = 'spec.method.adapter.coLora.ratio';
  const enough = Math.ceil(least * 1e4) / 1e4;
  return new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${ratio}, but adapters of rank 1 on all target layers are ${enough} of their weights`,
    path,
    value: ratio,
    hint: `set it to ${enough} at least, or name fewer layers in targetModules`,
  });
}
