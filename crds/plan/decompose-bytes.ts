// Memory of what an adapter computes from the weights before the model is built: one matrix at a
// time, and the factors of those before it until they are written.
import { adapterShape } from '../methods/adapter-shape.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { adaptedLinears, trainedOf } from './parameters.ts';
import { type StagePeak, stagePeak } from './stage-peak.ts';

/** None for an adapter that decomposes nothing. */
export function decomposeStage({ facts, method, shards }: MemoryQuestion): readonly StagePeak[] {
  const shape = adapterShape(method, facts);
  const { adapterKept, adapterTaken } = trainedOf(facts, method);
  const values = adapterKept + adapterTaken;
  if (shape === null || values === 0) return [];
  const { context } = memoryConstants.cpu;
  const matrices = adaptedLinears(facts, shape.targetModules).map((linear) => {
    const { matrices: copies, grams } = shape.decomposing;
    const smaller = Math.min(linear.in, linear.out);
    // The matrix itself is in float32, whatever its file has.
    return 4 * (1 + copies) * linear.in * linear.out + 8 * grams * smaller ** 2;
  });
  return [
    stagePeak('Decompose', {
      weights: (memoryConstants.adapterBytes * values) / shards,
      ...{ optimizer: 0, gradients: 0, activations: 0 },
      workspace: context + Math.max(...matrices),
    }),
  ];
}
