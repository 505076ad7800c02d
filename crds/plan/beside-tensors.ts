// Memory of a CUDA device that is reserved beside the tensors of the plan, the context apart. On a
// processor there is none: what its allocator adds is in the measured constants.
import { cudaConstants, ncclBuffers, reservedFor } from './cuda-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { linearsOf, parametersOf } from './parameters.ts';
import { quantizedBlock } from './quantized-base.ts';
import { codedBlock, valueBytes } from './static-bytes.ts';

export function besideTensors(question: MemoryQuestion): number {
  if (question.device.type === 'cpu') return 0;
  const { cublas, segments } = cudaConstants;
  const ranks = ncclBuffers(question.shards);
  return cublas.value + segments.value + ranks + roundedWeights(question);
}

/** Of the plan of a CUDA device, what the caching allocator does not count. */
export function outsideAllocator({ device, shards }: MemoryQuestion): number {
  return device.type === 'cpu' ? 0 : cudaConstants.context.value + ncclBuffers(shards);
}

/**
 * What rounding adds to the weights, which are a tensor each. Shards lie in flat parameters, one
 * for a block: their rounding is in the share for fragmentation.
 */
function roundedWeights(question: MemoryQuestion): number {
  const { facts, shards } = question;
  if (shards > 1) return 0;
  const bytes = bytesOfMatrixValue(question);
  const width = valueBytes(question.method);
  const { embedding, head } = parametersOf(facts);
  const added = (size: number) => reservedFor(size) - size;
  const block = linearsOf(facts).reduce(
    (sum, { in: from, out }) => sum + added(from * out * bytes),
    0,
  );
  return facts.L * block + added(embedding * width) + added(head * width);
}

/** Mean over the matrices of a block, however they are stored. */
function bytesOfMatrixValue({ facts, method }: MemoryQuestion): number {
  const { blockMatrices } = parametersOf(facts);
  const coded = codedBlock(facts, method);
  if (coded !== null) return coded / blockMatrices;
  const { values, bytes } = quantizedBlock(facts, method);
  return ((blockMatrices - values) * valueBytes(method) + bytes) / blockMatrices;
}
