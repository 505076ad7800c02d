// Counts of a vision transformer: two norms in a block, and biases; a last norm has a weight and a
// bias.
import type { VisionFacts } from '../model-facts.ts';
import type { ModelCounts } from './counts.ts';
import { layersOf } from './layers.ts';

export function visionCounts(facts: VisionFacts): ModelCounts {
  const { H, I, blocks, inlet, classes, headInputs, qkvBias, layerScale } = facts;
  const layer = layersOf(`${blocks}.0`);
  const biases = (qkvBias ? 5 : 2) * H + I;
  return {
    linears: [
      layer('attention.q_proj', 'q', H, H, 'q_proj'),
      layer('attention.k_proj', 'k', H, H, 'k_proj'),
      layer('attention.v_proj', 'v', H, H, 'v_proj'),
      layer('attention.o_proj', 'o', H, H, 'o_proj'),
      layer('mlp.fc1', 'up', I, H, 'fc1'),
      layer('mlp.fc2', 'down', H, I, 'fc2'),
    ],
    blockVectors: (layerScale ? 6 : 4) * H + biases,
    ...{ embedding: inlet, head: classes * (headInputs + 1), finalNorm: 2 * H },
    ...{ headMatrix: classes * headInputs, outputs: classes },
  };
}
