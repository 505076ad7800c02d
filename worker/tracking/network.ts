// What a tracker computes, as the engine calls it (engine/network.ts).
import type { Model } from '../engine/model.ts';
import type { Network } from '../engine/network.ts';
import type { ModelConfig } from '../families/family.ts';
import { withinDocuments } from '../nn/self-attention.ts';
import { visionBlock } from '../vision/block.ts';
import { trackingConfig } from './config.ts';
import { trackingEnds } from './ends.ts';
import { headOutputs, searchStates } from './head.ts';
import { entered } from './inlet.ts';
import { trackedLoss } from './loss.ts';
import { trackedInputs } from './pictures.ts';

export function trackingNetwork(of: ModelConfig): Network {
  const config = trackingConfig(of);
  const tensorsOf =
    ({ parameters }: Model) =>
    (name: string) =>
      parameters.value(name);
  return {
    inletReadsInBackward: true,
    inputs: (host, dtype) => trackedInputs(config, host, dtype),
    offsetsBefore: () => [],
    enter: (model, sequence) => ({ x: entered(model, sequence, tensorsOf(model)), sides: {} }),
    block: (layer, tensors, x, { offsets }, _sides, see) =>
      visionBlock(config.trunk, layer, tensors, x, withinDocuments(layer, offsets, config, see)),
    loss: trackedLoss,
    targetStates: (model, x, sequence) => searchStates(config, x, sequence, tensorsOf(model)),
    logits: (model, states) => headOutputs(states, tensorsOf(model)),
    ends: trackingEnds,
  };
}
