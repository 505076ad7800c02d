// What the ranks of a world exchange in one step: each gathers the weights of the others for each
// layer, and gets its share of the sums of gradients. In a ring of W ranks a rank receives (W - 1)
// / W of what is gathered or summed, and sends as much (Patarasuk and Yuan, Bandwidth optimal
// all-reduce algorithms, 2009).
import { passedShare } from './flops.ts';
import { keptParts, layoutOf } from './kept-parts.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { isTied, parametersOf, trainedOf } from './parameters.ts';
import { quantizedBlock } from './quantized-base.ts';
import { codedBlock, frozenInBfloat16, valueBytes } from './static-bytes.ts';

/** Bytes that a rank receives in a step; it sends as many. */
export interface ExchangedBytes {
  readonly weights: number;
  readonly gradients: number;
}

/** Blocks that stay whole from one pass to the next (worker/sharding/sharded-weights.ts). */
const keptWhole = 2;
/** Gradients are summed in float32. */
const sumBytes = 4;

export function exchangedBytes(question: MemoryQuestion): ExchangedBytes {
  const { shards } = question;
  if (shards === 1) return { weights: 0, gradients: 0 };
  const received = (shards - 1) / shards;
  const vocabulary = vocabularyBytes(question);
  // What one rank owns is sent to all from there, and summed for all.
  const isOwned = layoutOf(question.method) === 'owner';
  return {
    weights: received * gatheredBlocks(question) + (isOwned ? 1 : received) * vocabulary.weights,
    gradients:
      received * summedBlocks(question) + (isOwned ? 2 : 1) * received * vocabulary.gradients,
  };
}

/** Forward from the first to the last, and back as far as anything trains. */
function gatheredBlocks(question: MemoryQuestion): number {
  const { facts, method, shards } = question;
  const { L } = facts;
  const { blockMatrices, blockVectors } = parametersOf(facts);
  const trained = trainedOf(facts, method);
  const isAdapter = trained.adapter > 0;
  const width = valueBytes(method);
  const stored = frozenInBfloat16(question) > 0 ? 2 : width;
  const quantized = quantizedBlock(facts, method);
  const matrices =
    codedBlock(facts, method) ?? (blockMatrices - quantized.values) * stored + quantized.bytes;
  // A flat parameter is as long as shares of the largest for all.
  const length = shards * keptParts(facts, method, shards).block;
  const base = length * matrices + blockVectors * width;
  const adapter = isAdapter ? 4 * (trained.block + trained.adapterKept / L) : 0;
  const kept = Math.min(keptWhole, L);
  const back = Math.max(0, passedShare(L, trained) * L - kept);
  // Weights that an update did not change are still whole where the backward ended.
  const again = L - (isAdapter && back + kept >= L ? kept : 0);
  return (again + back) * base + (L + back) * adapter + 4 * trained.shared;
}

function summedBlocks({ facts, method, shards }: MemoryQuestion): number {
  const trained = trainedOf(facts, method);
  const length = trained.adapter > 0 ? 1 : shards * keptParts(facts, method, shards).block;
  return sumBytes * (length * trained.block * trained.activeBlocks + trained.shared);
}

/** Tables and head, each whole once a step; a tied head gathers the embedding again. */
function vocabularyBytes(question: MemoryQuestion) {
  const { facts, method } = question;
  const { embedding, head, finalNorm } = parametersOf(facts);
  const trained = trainedOf(facts, method);
  const width = valueBytes(method);
  const stored = frozenInBfloat16(question) > 0 ? 2 : width;
  const outlet = isTied(facts) ? embedding : head;
  const summed =
    (trained.embedding ? embedding : 0) +
    (trained.head ? (isTied(facts) ? 0 : head) + finalNorm : 0);
  return {
    weights: stored * (embedding + outlet) + width * finalNorm,
    gradients: sumBytes * summed,
  };
}
