// Counts of a network that restores pictures; the head is a convolution.
import type { RestorationFacts } from '../model-facts.ts';
import type { ModelCounts } from './counts.ts';

export function restorationCounts(facts: RestorationFacts): ModelCounts {
  const { H, kernel, convolutions, blockVectors, inlet, pixelValues } = facts;
  const inputs = H * kernel ** 2;
  return {
    linears: convolutions.map((one) => ({ ...one, name: one.path, role: 'conv' })),
    ...{ blockVectors, embedding: inlet, finalNorm: 0 },
    ...{ head: pixelValues * (inputs + 1), headMatrix: pixelValues * inputs, outputs: pixelValues },
  };
}
