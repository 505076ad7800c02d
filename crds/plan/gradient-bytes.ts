// Bytes of the gradients of one block: while they are made, as the step offers them, and as they
// wait where all are clipped together.
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { DecoderFacts } from './decoder-facts.ts';
import { keptParts } from './kept-parts.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { linearsOf, parametersOf, trainedOf } from './parameters.ts';
import { projectedLinears } from './projected-linears.ts';
import { valueBytes } from './static-bytes.ts';

interface GradientBytes {
  /**
   * All of them, or what they are products of where they are wanted in a subspace
   * (worker/engine/gradient-factors.ts).
   */
  readonly made: number;
  /** This rank's. */
  readonly offered: number;
  /** What the optimizer sees of those. */
  readonly waiting: number;
}

export function gradientBytes(question: MemoryQuestion): GradientBytes {
  const { facts, method, shards } = question;
  const trained = trainedOf(facts, method);
  const isAdapter = trained.adapter > 0;
  const micros = question.perWave * question.waves;
  const own = isAdapter ? 4 : valueBytes(method);
  const summed = isAdapter || micros > 1 ? 4 : own;
  // While the second micro-batch is added, its own gradient is there as well.
  const whole = trained.block * (summed + (micros > 1 ? own : 0));
  // What ranks have summed up is float32.
  const kept = shards === 1 ? summed : 4;
  const part = keptParts(facts, method, shards).block;
  const offered = trained.block * kept * part;
  const low = isAdapter ? null : lowValues(facts, method);
  if (low === null) return { made: whole, offered, waiting: offered };
  // Ranks make gradients whole, and choose directions while tapes, sums on their way and what
  // logits left in the allocator are still there: by measurement two of them take what they would
  // if their shares waited whole.
  if (shards > 1) return { made: whole, offered, waiting: offered };
  const sums = 4 * low * Math.min(2, micros);
  return {
    made: Math.max(whole, factors(question) + sums),
    offered,
    waiting: 4 * low + parametersOf(facts).blockVectors * kept,
  };
}

/**
 * Values of the gradients of a block's matrices in their subspaces; null where they are seen as
 * they are.
 */
export function lowValues(facts: DecoderFacts, method: Pick<ResolvedMethod, 'optimizer'>) {
  const projected = projectedLinears(facts, method);
  return projected?.reduce((sum, { rank, larger }) => sum + rank * larger, 0) ?? null;
}

/**
 * Of one micro-batch, until the backward of its block is done: gradients of what layers put out,
 * and what they read, made again.
 */
function factors({ facts, method, microBatchTokens }: MemoryQuestion): number {
  if (method.precision.type === 'HALO') return 0;
  const outputs = linearsOf(facts).reduce((sum, { out }) => sum + out, 0);
  return microBatchTokens * valueBytes(method) * (outputs + facts.I + 2 * facts.H);
}
