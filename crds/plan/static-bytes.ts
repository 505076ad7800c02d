// Bytes that exist from the first step to the last: weights, master weights, optimizer state.
import { adapterShape, changesBase } from '../methods/adapter-traits.ts';
import { codedForm } from '../methods/coded.ts';
import { perBlock } from '../methods/linears.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import { codebookBlock } from './codebook-bytes.ts';
import { fewBitsBytes } from './few-bits-bytes.ts';
import { keptParts } from './kept-parts.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import type { ModelFacts } from './model-facts.ts';
import { optimizerBytes } from './optimizer-bytes.ts';
import { adaptedLinears, parametersOf, trainedOf } from './parameters.ts';
import { quantizedBlock } from './quantized-base.ts';

interface StaticBytes {
  readonly weights: number;
  readonly optimizer: number;
  /** Quantized values of all weights; a process that does not train has none. */
  readonly codes: number;
}

export function staticBytes(question: MemoryQuestion): StaticBytes {
  const { facts, method, shards } = question;
  const { total, embedding, head } = parametersOf(facts);
  const trained = trainedOf(facts, method);
  const width = valueBytes(method);
  const quantized = quantizedBlock(facts, method);
  const kept = keptParts(facts, method, shards);
  const optimizer = optimizerBytes(facts, method);
  const outside = embedding + head;
  const inBlocks = total - outside - facts.L * quantized.values;
  return {
    weights:
      kept.block * (inBlocks * width - codedSaving(question)) +
      kept.outside * outside * width +
      (facts.L * quantized.bytes -
        2 * frozenInBfloat16(question) +
        (trained.adapter + trained.ofGrid + trained.adapterKept) * memoryConstants.adapterBytes) /
        shards +
      2 * (adapterShape(method, facts)?.multipliedOut?.shared ?? 0),
    // Which blocks are active is random: at worst one rank owns most of each.
    optimizer:
      (optimizer.ofAll ? kept.blocks : kept.block) * optimizer.blocks +
      kept.outside * optimizer.outside +
      noiseState(question),
    // Computed in the forward of each step and present at its largest moments. Sharded ranks do so
    // per block (shared-bytes.ts).
    codes: shards === 1 ? facts.L * fewBitsBytes(facts, method, 0).codes : 0,
  };
}

/**
 * Frozen values that keep the 16 bits of their file while the rest is float32: each saves two
 * bytes. A matrix of which an adapter took over a part is not that of its file.
 */
export function frozenInBfloat16({ facts, method, storedBfloat16 = 0 }: MemoryQuestion): number {
  if (valueBytes(method) === 2) return 0;
  const trained = trainedOf(facts, method);
  const dense = parametersOf(facts).total - facts.L * quantizedBlock(facts, method).values;
  const changed = changesBase(method) && method.base.type === 'Dense' ? adapted(facts, method) : 0;
  return Math.min(
    storedBfloat16,
    dense - changed - (trained.total - trained.adapter - trained.ofGrid),
  );
}

/** Two squared norms of each row that gets noise, at each worker. */
function noiseState({ facts, method }: MemoryQuestion): number {
  if (method.rule.type !== 'GGPO') return 0;
  const linears = adaptedLinears(facts, adapterShape(method, facts)?.targetModules ?? []);
  return 2 * 4 * facts.L * linears.reduce((sum, { out }) => sum + out, 0);
}

/** Values of the matrices that get an adapter. */
export function adapted(facts: ModelFacts, method: ResolvedMethod): number {
  const linears = adaptedLinears(facts, adapterShape(method, facts)?.targetModules ?? []);
  return facts.L * perBlock(linears, (linear) => linear.out * linear.in);
}

/** Bytes saved by trained matrices that are stored quantized. */
function codedSaving({ facts, method }: MemoryQuestion): number {
  const stored = codedBlock(facts, method);
  if (stored === null) return 0;
  return facts.L * (parametersOf(facts).blockMatrices * valueBytes(method) - stored);
}

/** Bytes of the quantized trained matrices of a block; null if they are dense. */
export function codedBlock(facts: ModelFacts, method: ResolvedMethod): number | null {
  switch (codedForm(method)) {
    case 'Groups':
      return parametersOf(facts).blockMatrices * memoryConstants.codedBytes;
    case 'Codebook':
      return codebookBlock(facts, method).bytes;
    case null:
      return null;
  }
}

/** Bytes of a value in the model's own type. */
export function valueBytes(method: ResolvedMethod): number {
  return method.precision.type === 'Float32' ? 4 : 2;
}
