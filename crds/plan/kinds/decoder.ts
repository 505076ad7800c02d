// Counts of a decoder language model.
import type { Linear, LinearRole } from '../../methods/linears.ts';
import type { DecoderFacts } from '../model-facts.ts';
import type { ModelCounts } from './counts.ts';
import { layersOf } from './layers.ts';

export function decoderCounts(facts: DecoderFacts): ModelCounts {
  const { V, H, NH, NK, D, I, tied, bias } = facts;
  const norms = (facts.sandwichNorms ? 4 : 2) * H + (facts.qkNorm ? 2 * D : 0);
  const biases = (bias.qkv ? (NH + 2 * NK) * D : 0) + (bias.o ? H : 0) + (bias.mlp ? 2 * I + H : 0);
  return {
    linears: linearsOf(facts),
    ...{ blockVectors: norms + biases, embedding: V * H, head: tied ? 0 : V * H, finalNorm: H },
    ...{ headMatrix: V * H, outputs: V },
  };
}

function linearsOf({ H, NH, NK, D, I, fused }: DecoderFacts): readonly Linear[] {
  const at = layersOf('model.layers.0');
  const layer = (part: string, role: LinearRole, out: number, inputs: number) =>
    at(`${part}.${role}_proj`, role, out, inputs, `${role}_proj`);
  const attention = fused
    ? [layer('self_attn', 'qkv', (NH + 2 * NK) * D, H)]
    : [
        layer('self_attn', 'q', NH * D, H),
        layer('self_attn', 'k', NK * D, H),
        layer('self_attn', 'v', NK * D, H),
      ];
  const mlp = fused
    ? [layer('mlp', 'gate_up', 2 * I, H)]
    : [layer('mlp', 'gate', I, H), layer('mlp', 'up', I, H)];
  return [...attention, layer('self_attn', 'o', H, NH * D), ...mlp, layer('mlp', 'down', H, I)];
}
