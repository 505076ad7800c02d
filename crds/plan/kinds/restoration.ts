// Counts of a network that restores pictures: a bias and slopes of each convolution of a block; the
// head is one of them.
import type { RestorationFacts } from '../model-facts.ts';
import type { ModelCounts } from './counts.ts';

export function restorationCounts(facts: RestorationFacts): ModelCounts {
  const { H, kernel, convolutions: paths, inlet, pixelValues } = facts;
  const inputs = H * kernel ** 2;
  return {
    linears: paths.map((path) => ({
      ...{ name: path, path, role: 'conv', share: 1, out: H, in: inputs, kernel },
    })),
    ...{ blockVectors: paths.length * 2 * H, embedding: inlet, finalNorm: 0 },
    ...{ head: pixelValues * (inputs + 1), headMatrix: pixelValues * inputs, outputs: pixelValues },
  };
}
