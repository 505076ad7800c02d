// What a rank of several holds beside its share: what it has gathered, and gradients on their way.
// Nothing for a process by itself.
import { fewBitsBytes } from './few-bits-bytes.ts';
import { keptParts } from './kept-parts.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { isTied, parametersOf, trainedOf } from './parameters.ts';
import { quantizedBlock } from './quantized-base.ts';
import { codedBlock, frozenInBfloat16, valueBytes } from './static-bytes.ts';

interface SharedBytes {
  /**
   * Two whole blocks, the one that computes and the one that comes, with what is made of their
   * weights, and what blocks share.
   */
  readonly blocks: number;
  /** The embedding, or the head, whole while it is used. */
  readonly vocabulary: number;
  /**
   * Of a block and of the matrix of the head and the embedding: gradients on their way to the sum,
   * and the own part of it.
   */
  readonly blockExchange: number;
  readonly headExchange: number;
  readonly embeddingExchange: number;
}

export function sharedBytes(question: MemoryQuestion): SharedBytes {
  const { facts, method, shards } = question;
  if (shards === 1) return nothing;
  const { blockMatrices, blockVectors, embedding } = parametersOf(facts);
  const trained = trainedOf(facts, method);
  const width = valueBytes(method);
  const adapter = trained.adapter > 0 ? 4 * (trained.block + trained.adapterKept / facts.L) : 0;
  // Embedding and matrices are stored alike, however little of them trains.
  const stored = frozenInBfloat16(question) > 0 ? 2 : width;
  const quantized = quantizedBlock(facts, method);
  const matrices =
    codedBlock(facts, method) ?? (blockMatrices - quantized.values) * stored + quantized.bytes;
  // What is sent, and the own part of the sum.
  const exchange = (values: number) => 4 * values * (1 + 1 / shards);
  // A line is as long as shares of the largest for all.
  const length = shards * keptParts(facts, method, shards).block;
  const { codes } = fewBitsBytes(facts, method, 0);
  return {
    blocks: 2 * (length * matrices + blockVectors * width + adapter + codes) + 4 * trained.shared,
    vocabulary: embedding * stored,
    // One may still be on its way while the next is made.
    blockExchange: 2 * 4 * length * trained.block,
    headExchange: trained.head && !isTied(facts) ? exchange(embedding) : 0,
    embeddingExchange: trained.embedding ? exchange(embedding) : 0,
  };
}

const nothing: SharedBytes = {
  ...{ blocks: 0, vocabulary: 0 },
  ...{ blockExchange: 0, headExchange: 0, embeddingExchange: 0 },
};
