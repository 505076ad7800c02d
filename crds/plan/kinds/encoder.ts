// Counts of an encoder with a head for classes: two norms and six biases in a block; the head is a
// square layer and the classes.
import type { EncoderFacts } from '../model-facts.ts';
import type { ModelCounts } from './counts.ts';
import { layersOf } from './layers.ts';

export function encoderCounts({ H, I, inlet, classes, blocks }: EncoderFacts): ModelCounts {
  const layer = layersOf(`${blocks}.0`);
  return {
    linears: [
      layer('attention.self.query', 'q', H, H, 'query'),
      layer('attention.self.key', 'k', H, H, 'key'),
      layer('attention.self.value', 'v', H, H, 'value'),
      layer('attention.output.dense', 'o', H, H),
      layer('intermediate.dense', 'up', I, H),
      layer('output.dense', 'down', H, I),
    ],
    ...{ blockVectors: 2 * 2 * H + 5 * H + I, embedding: inlet, finalNorm: 0 },
    head: H * (H + 1) + classes * (H + 1),
    ...{ headMatrix: (classes + H) * H, outputs: classes },
  };
}
