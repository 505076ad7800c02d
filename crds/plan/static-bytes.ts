// Bytes that are there from the first step to the last: weights, masters, state of the optimizer.
import type { ResolvedMethod } from '../methods/resolve.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { parametersOf, trainedOf } from './parameters.ts';
import { quantizedBlock } from './quantized-base.ts';

interface StaticBytes {
  readonly weights: number;
  readonly optimizer: number;
  /** Full copies of two blocks, the embedding and the head, where weights are sharded. */
  readonly gathered: number;
}

export function staticBytes(question: MemoryQuestion): StaticBytes {
  const { facts, method, shards } = question;
  const counts = parametersOf(facts);
  const trained = trainedOf(facts, method);
  const width = valueBytes(method);
  const quantized = quantizedBlock(facts, method);
  const dense = counts.total - facts.L * quantized.values;
  const block =
    (counts.blockMatrices + counts.blockVectors - quantized.values) * width + quantized.bytes;
  return {
    weights:
      (dense * width -
        narrower(question, dense) +
        facts.L * quantized.bytes +
        trained.adapter * memoryConstants.adapterBytes) /
      shards,
    optimizer: (trained.total * stateBytes(method)) / shards,
    gathered: shards === 1 ? 0 : 2 * block + (counts.embedding + counts.head) * width,
  };
}

/** What is saved by frozen weights that stay in the 16 bits of their file while the rest is float32. */
function narrower({ method, storedBfloat16 = 0 }: MemoryQuestion, dense: number): number {
  if (method.adapter.type === 'None' || valueBytes(method) === 2) return 0;
  return 2 * Math.min(storedBfloat16, dense);
}

/** Bytes of a value in the model's own type. */
export function valueBytes(method: ResolvedMethod): number {
  return method.precision.type === 'Float32' ? 4 : 2;
}

/** Bytes of masters and state for one trained parameter. Adapters are float32 and need no master. */
function stateBytes(method: ResolvedMethod): number {
  const { optimizer, precision, adapter } = method;
  const { AdamW, AdamW8bit, SGDMomentum, master } = memoryConstants.optimizer;
  const mastered =
    precision.type === 'BFloat16' &&
    precision.bfloat16.masters === 'Float32' &&
    adapter.type === 'None';
  const masters = mastered ? master : 0;
  switch (optimizer.type) {
    case 'AdamW':
      return masters + (optimizer.adamW.moments === 'BFloat16' ? AdamW / 2 : AdamW);
    case 'AdamW8bit':
      return masters + AdamW8bit;
    case 'SGD':
      return masters + (Number(optimizer.sgd.momentum) > 0 ? SGDMomentum : 0);
    default:
      return optimizer satisfies never;
  }
}
