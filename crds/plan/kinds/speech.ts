// Counts of Whisper: a norm before each part of a block, and biases of all layers but keys. What is
// before the blocks is that of both halves, with the norm between them.
import type { SpeechFacts } from '../model-facts.ts';
import type { ModelCounts } from './counts.ts';
import { layersOf } from './layers.ts';

export function speechCounts(facts: SpeechFacts): ModelCounts {
  const { V, L, H, I, encoderBlocks, mels, sourcePositions, targetPositions } = facts;
  const inEncoder = 2 * 2 * H + 4 * H + I;
  const inDecoder = inEncoder + 2 * H + 3 * H;
  const convolutions = 3 * H * (mels + H) + 2 * H;
  const [encoder, decoder] = [half('encoder', encoderBlocks), half('decoder', L - encoderBlocks)];
  return {
    linears: [
      ...[...encoder.own, ...encoder.mlp],
      ...[...decoder.own, ...decoder.crossed, ...decoder.mlp],
    ],
    blockVectors: (encoderBlocks * inEncoder + (L - encoderBlocks) * inDecoder) / L,
    embedding: convolutions + (sourcePositions + V + targetPositions + 2) * H,
    ...{ head: 0, finalNorm: 2 * H, headMatrix: V * H, outputs: V },
  };

  function half(of: 'encoder' | 'decoder', blocks: number) {
    const layer = layersOf(`model.${of}.layers.0`, blocks / L);
    return {
      own: [
        layer('self_attn.q_proj', 'q', H, H),
        layer('self_attn.k_proj', 'k', H, H),
        layer('self_attn.v_proj', 'v', H, H),
        layer('self_attn.out_proj', 'o', H, H),
      ],
      crossed: [
        layer('encoder_attn.q_proj', 'cross_q', H, H),
        layer('encoder_attn.k_proj', 'cross_k', H, H),
        layer('encoder_attn.v_proj', 'cross_v', H, H),
        layer('encoder_attn.out_proj', 'cross_o', H, H),
      ],
      mlp: [layer('fc1', 'up', I, H), layer('fc2', 'down', H, I)],
    };
  }
}
