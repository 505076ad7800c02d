// Counts of a diffusion transformer: its norms have neither weights nor biases. What follows the
// blocks is the head.
import type { DiffusionFacts } from '../model-facts.ts';
import type { ModelCounts } from './counts.ts';
import { layersOf } from './layers.ts';

export function diffusionCounts(facts: DiffusionFacts): ModelCounts {
  const { H, I, inlet, patches, values, attentionBias } = facts;
  const layer = layersOf('transformer_blocks.0');
  return {
    linears: [
      layer('norm1.linear', 'modulation', 6 * H, H),
      layer('attn1.to_q', 'q', H, H),
      layer('attn1.to_k', 'k', H, H),
      layer('attn1.to_v', 'v', H, H),
      layer('attn1.to_out.0', 'o', H, H),
      layer('ff.net.0.proj', 'up', I, H),
      layer('ff.net.2', 'down', H, I),
    ],
    blockVectors: (attentionBias ? 3 * H : 0) + 6 * H + 2 * H + I,
    ...{ embedding: inlet, head: (2 * H + values) * (H + 1), finalNorm: 0 },
    ...{ headMatrix: (2 * H + patches * values) * H, outputs: patches * values },
  };
}
