// Several adapters as one answerer: as one stacked adapter, by the mean of their logits, or one
// after the other.
import { UserError } from '../../crds/failures/errors.ts';
import { type Composition, lanesOf } from '../../crds/serve/compositions.ts';
import type { Member } from '../decoding/sequence.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { dominance, dominantWeights } from './dominance.ts';
import { type Factors, ServedAdapter } from './served-adapter.ts';

interface WeightedAdapter {
  readonly adapter: ServedAdapter;
  readonly weight: number;
}

/**
 * One adapter whose change of each layer is `sum_i weight_i B_i A_i`: factors side by side, and
 * weights in B, as scales are. Layers that one part lacks have those of the others alone.
 */
export function stacked(parts: readonly WeightedAdapter[]): ServedAdapter {
  const weights = new Set(parts.flatMap(({ adapter }) => adapter.weights));
  return scope(
    () => new ServedAdapter(new Map([...weights].map((name) => [name, stackOf(name, parts)]))),
  );
}

function stackOf(name: string, parts: readonly WeightedAdapter[]): Factors {
  const own = parts.flatMap(({ adapter, weight }) => {
    const factors = adapter.factors(name);
    return factors === undefined ? [] : [{ ...factors, weight }];
  });
  const { A, B } = scope(() => ({
    A: ops.cat(
      own.map((one) => one.A),
      0,
    ),
    B: ops.t(
      ops.cat(
        own.map((one) => ops.t(ops.mulScalar(one.B, one.weight))),
        0,
      ),
    ),
  }));
  return { A: keep(A), B: keep(B) };
}

/** Who chooses the n-th token, of all modes but `merge`; adapters in the order of the parts. */
export function ensembleOf(
  { mode, parts, span }: Composition,
  adapters: readonly ServedAdapter[],
): (n: number) => readonly Member[] {
  const count = adapters.length;
  const turnOf = (n: number): number => Math.floor(n / span);
  /** `total` is what the weights sum to. */
  const mean = (weights: readonly number[], total: number): readonly Member[] =>
    adapters.map((change, i) => ({ change, weight: (weights[i] ?? 0) / total }));
  if (mode === 'switch') {
    const alone = adapters.map((change) => [{ change, weight: 1 }]);
    return (n) => alone[turnOf(n) % count] ?? [];
  }
  if (mode === 'dominant') {
    return (n) => {
      const turn = turnOf(n);
      return mean(dominantWeights(count, turn % count, dominance(count, turn)), count);
    };
  }
  const weights = parts.map(({ weight }) => weight);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const members = mean(weights, total);
  return () => members;
}

interface Room {
  /** Sequences in one step. */
  readonly together: number;
  readonly pages: number;
}

/** Refuses what could never begin: those behind it would wait for ever. */
export function requireRoom(compositions: readonly Composition[], { together, pages }: Room): void {
  for (const one of compositions) {
    const lanes = lanesOf(one);
    const [has, hint] =
      lanes > together
        ? [`the server decodes ${together} together`, 'raise --together, or name fewer parts']
        : [`the cache has ${pages} pages in all`, 'raise --cache, or name fewer parts'];
    if (lanes <= Math.min(together, pages)) continue;
    throw new UserError({
      code: 'E_USAGE',
      message: `a request of ${one.name} takes ${lanes} sequences, one for each part; ${has}`,
      hint,
    });
  }
}
