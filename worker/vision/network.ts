// What a vision transformer computes, as the engine calls it (engine/network.ts).
import type { Model } from '../engine/model.ts';
import type { Network } from '../engine/network.ts';
import type { ModelConfig } from '../families/family.ts';
import { withinDocuments } from '../nn/self-attention.ts';
import { visionBlock } from './block.ts';
import { visionConfig } from './config.ts';
import { visionEnds } from './ends.ts';
import { classLogits, headLoss, pictureStates } from './head.ts';
import { entered, pictureInputs } from './inlet.ts';

export function visionNetwork(of: ModelConfig): Network {
  const config = visionConfig(of);
  const tensorsOf =
    ({ parameters }: Model) =>
    (name: string) =>
      parameters.value(name);
  return {
    inletReadsInBackward: true,
    inputs: (host, dtype) => pictureInputs(config, host, dtype),
    offsetsBefore: () => [],
    enter: (model, sequence) => ({
      x: entered(model, sequence, tensorsOf(model)),
      sides: {},
    }),
    block: (layer, tensors, x, { offsets }, _sides, see) =>
      visionBlock(config, layer, tensors, x, withinDocuments(layer, offsets, config, see)),
    loss: headLoss,
    targetStates: (model, x, sequence) => pictureStates(config, x, sequence, tensorsOf(model)),
    logits: (model, states) => classLogits(config, states, tensorsOf(model)),
    ends: visionEnds,
  };
}
