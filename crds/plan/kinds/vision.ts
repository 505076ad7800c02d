// Counts of a vision transformer: two norms in a block, and biases; a last norm has a weight and a
// bias.
import type { PatchFacts, VisionFacts } from '../model-facts.ts';
import type { ModelCounts } from './counts.ts';
import { visionLinears } from './layers.ts';

export function visionCounts(facts: VisionFacts): ModelCounts {
  const { H, inlet, classes, headInputs } = facts;
  return {
    ...visionBlockCounts(facts),
    ...{ embedding: inlet, head: classes * (headInputs + 1), finalNorm: 2 * H },
    ...{ headMatrix: classes * headInputs, outputs: classes },
  };
}

/** Of the blocks of a vision transformer, whatever follows them. */
export function visionBlockCounts({ H, I, blocks, qkvBias, layerScale }: PatchFacts) {
  const biases = (qkvBias ? 5 : 2) * H + I;
  return {
    linears: visionLinears(`${blocks}.0`, { H, I }),
    blockVectors: (layerScale ? 6 : 4) * H + biases,
  };
}
