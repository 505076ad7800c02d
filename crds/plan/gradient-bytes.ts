// Bytes of the gradients of one block: while they are computed, as the step offers them to the
// update, and while they wait for the norm of all.

import { adapterShape } from '../methods/adapter-traits.ts';
import { hasFewBits } from '../methods/few-bits.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import { changedMatrices } from './block-bytes.ts';
import { keptParts } from './kept-parts.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import type { ModelFacts } from './model-facts.ts';
import { adaptedLinears, linearsOf, parametersOf, trainedOf } from './parameters.ts';
import { projectedLinears } from './projected-linears.ts';
import { valueBytes } from './static-bytes.ts';

interface GradientBytes {
  /**
   * All of them, or their factors if the optimizer wants them in a subspace
   * (worker/engine/gradient-factors.ts).
   */
  readonly made: number;
  /** The share of this rank. */
  readonly offered: number;
  /** The part of them that the optimizer sees. */
  readonly waiting: number;
}

export function gradientBytes(question: MemoryQuestion): GradientBytes {
  const { facts, method, shards } = question;
  const trained = trainedOf(facts, method);
  const isAdapter = trained.adapter > 0;
  const micros = question.perWave * question.waves;
  const own = isAdapter ? 4 : valueBytes(method);
  const summed = isAdapter || micros > 1 ? 4 : own;
  // While the second micro-batch is accumulated, its own gradient exists too.
  const both = (sum: number, one: number) => sum + (micros > 1 ? one : 0);
  const ofCopies = changedMatrices(facts, method).reduce((sum, one) => sum + one, 0);
  const width = valueBytes(method);
  const inBlock = trained.block + trained.shared;
  const whole = inBlock * both(summed, own) + ofCopies * both(micros > 1 ? 4 : width, width);
  // Gradients that were reduced over ranks are float32.
  const kept = shards === 1 ? summed : 4;
  const part = keptParts(facts, method, shards).block;
  const offered = trained.block * kept * part;
  const low = isAdapter ? null : lowValues(facts, method);
  if (low === null) {
    return { made: whole + probedBytes(question), offered, waiting: offered };
  }
  // Ranks compute whole gradients, and compute projections while tapes, pending reductions and
  // freed logits are still allocated: as measured, two ranks take the memory of unprojected shares.
  if (shards > 1) return { made: whole, offered, waiting: offered };
  const sums = 4 * low * Math.min(2, micros);
  return {
    made: Math.max(whole, factors(question) + sums),
    offered,
    waiting: 4 * low + parametersOf(facts).blockVectors * kept,
  };
}

/**
 * Of a step that chooses candidates by all gradients of the weights of a block: these with what
 * they are made of, or while the largest values of one weight are found, copies of it with places.
 */
function probedBytes(question: MemoryQuestion): number {
  const { facts, method, perWave, waves } = question;
  const shape = adapterShape(method, facts);
  if (shape?.probes !== true) return 0;
  const sizes = adaptedLinears(facts, shape.targetModules).map(
    ({ out, in: inputs }) => out * inputs,
  );
  const dense = 4 * sizes.reduce((sum, one) => sum + one, 0);
  const sums = dense * Math.min(2, perWave * waves);
  return Math.max(
    factors(question) + sums,
    dense + memoryConstants.largestValuesBytes * Math.max(0, ...sizes),
  );
}

/**
 * Values of the gradients of a block's matrices in their subspaces; null if they are not projected.
 */
export function lowValues(facts: ModelFacts, method: Pick<ResolvedMethod, 'optimizer'>) {
  const projected = projectedLinears(facts, method);
  return projected?.reduce((sum, { low }) => sum + low, 0) ?? null;
}

/**
 * Factors of one micro-batch, until the backward of its block is done: output gradients of layers,
 * and their recomputed inputs.
 */
function factors({ facts, method, microBatchTokens }: MemoryQuestion): number {
  if (hasFewBits(method)) return 0;
  const outputs = linearsOf(facts).reduce((sum, { out }) => sum + out, 0);
  return microBatchTokens * valueBytes(method) * (outputs + facts.I + 2 * facts.H);
}
