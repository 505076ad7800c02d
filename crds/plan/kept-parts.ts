// How a method has its tensors shared out, and which part of them the rank with the most keeps.
import { updatesMatrices } from '../methods/adapter-traits.ts';
import { storesCodes } from '../methods/coded.ts';
import { projectionOf } from '../methods/projection.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { ModelFacts } from './model-facts.ts';
import { linearsOf, parametersOf, trainedOf } from './parameters.ts';
import { planFlatParameter, type ShardLayout, shardsOf } from './shards.ts';

/**
 * What the optimizer has to see as a whole; others work value by value, or cell by cell. Codes have
 * owners in any layout.
 */
export function layoutOf({
  adapter,
  optimizer,
  rule,
}: Pick<ResolvedMethod, 'adapter' | 'optimizer' | 'rule'>): ShardLayout {
  // Updates are scaled by norms of whole tensors.
  if (optimizer.type === 'PVTuning') return 'owner';
  // Its rates are those of whole rows.
  if (rule.type === 'ALLoRA') return 'matrices';
  if (updatesMatrices({ adapter })) return 'matrices';
  return projectionOf(optimizer) === null ? 'slice' : 'matrices';
}

interface KeptParts {
  /** Of a block; shares of all ranks are as long. */
  readonly block: number;
  /** Of all blocks together: whoever owns most of one owns less of another. */
  readonly blocks: number;
  /** Of embedding and head. */
  readonly outside: number;
}

export function keptParts(facts: ModelFacts, method: ResolvedMethod, shards: number): KeptParts {
  const even = 1 / shards;
  const layout = layoutOf(method);
  const owned = layout !== 'slice' || storesCodes(method);
  return {
    ...(owned ? ownedParts(facts, shards) : { block: even, blocks: even }),
    outside: layout === 'owner' ? outsidePart(facts, method, shards) : even,
  };
}

/** Each matrix of a block at one rank. */
function ownedParts(facts: ModelFacts, shards: number) {
  const matrices = linearsOf(facts).map((one) => ({ name: one.name, count: one.out * one.in }));
  const plans = Array.from({ length: facts.L }, (_, layer) =>
    planFlatParameter(matrices, shards, 'owner', layer),
  );
  const kept = Array.from({ length: shards }, (_, rank) =>
    plans.flatMap((plan) => shardsOf(plan, rank)).reduce((sum, { count }) => sum + count, 0),
  );
  const { blockMatrices } = parametersOf(facts);
  const share = plans[0]?.share ?? 0;
  return { block: share / blockMatrices, blocks: Math.max(...kept) / (facts.L * blockMatrices) };
}

/** The embedding at one rank, the head at another; one that is frozen is cut. */
function outsidePart(facts: ModelFacts, method: ResolvedMethod, shards: number): number {
  if (shards === 1) return 1;
  const { embedding, head } = parametersOf(facts);
  const trained = trainedOf(facts, method);
  const keeps = (own: boolean, count: number) => (own ? count : count / shards);
  const first = keeps(trained.embedding, embedding) + (trained.head ? 0 : head / shards);
  const last = keeps(trained.head, head) + (trained.embedding ? 0 : embedding / shards);
  return Math.max(first, last) / (embedding + head);
}
