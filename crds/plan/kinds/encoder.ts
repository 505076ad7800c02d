// Counts of an encoder with a head for classes: two norms and six biases in a block; the head is a
// square layer and the classes.
import type { EncoderFacts } from '../model-facts.ts';
import type { ModelCounts } from './counts.ts';
import { bertLinears } from './layers.ts';

export function encoderCounts({ H, I, inlet, classes, blocks }: EncoderFacts): ModelCounts {
  return {
    linears: bertLinears(`${blocks}.0`, { H, I }),
    ...{ blockVectors: 2 * 2 * H + 5 * H + I, embedding: inlet, finalNorm: 0 },
    head: H * (H + 1) + classes * (H + 1),
    ...{ headMatrix: (classes + H) * H, outputs: classes },
  };
}
