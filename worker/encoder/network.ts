// What an encoder computes, as the engine calls it (engine/network.ts).
import type { Network } from '../engine/network.ts';
import type { ModelConfig } from '../families/family.ts';
import { withinDocuments } from '../nn/self-attention.ts';
import * as ops from '../tensor/ops.generated.ts';
import { encoderBlock } from './block.ts';
import { encoderConfig } from './config.ts';
import { encoderEnds } from './ends.ts';
import { classLogits, headLoss } from './head.ts';
import { embedded, inletNorm, inletRows } from './inlet.ts';

export function encoderNetwork(of: ModelConfig): Network {
  const config = encoderConfig(of);
  return {
    inletReadsInBackward: true,
    inputs: (host) => inletRows(config, host),
    offsetsBefore: () => [],
    enter: (model, sequence) => ({
      x: inletNorm(config, embedded(config, model, sequence), (name) =>
        model.parameters.value(name),
      ),
      sides: {},
    }),
    block: (layer, tensors, x, { offsets }, _sides, see) =>
      encoderBlock(config, layer, tensors, x, withinDocuments(layer, offsets, config, see)),
    loss: headLoss,
    targetStates: (_model, x, { rows }) => ops.indexSelect(x, 0, rows),
    logits: (model, rows) => classLogits(config, rows, (name) => model.parameters.value(name)),
    ends: encoderEnds,
  };
}
