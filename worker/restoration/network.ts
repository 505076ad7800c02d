// What a restoration network computes, as the engine calls it (engine/network.ts).
import type { Network } from '../engine/network.ts';
import type { ModelConfig } from '../families/family.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { enter, leave, restorationBlock } from './block.ts';
import { restorationConfig } from './config.ts';
import { restorationEnds } from './ends.ts';
import { pixelLoss } from './loss.ts';
import { pictureInputs, picturesIn } from './pictures.ts';

export function restorationNetwork(of: ModelConfig): Network {
  const config = restorationConfig(of);
  return {
    inletReadsInBackward: true,
    inputs: (host, dtype) => pictureInputs(config, host, dtype),
    offsetsBefore: () => [],
    enter({ parameters, dtype }, { inputs }) {
      const x = scope(() => {
        const { size, pixels } = picturesIn(inputs);
        return enter(config, ops.to(pixels, dtype), size, (name) => parameters.value(name));
      });
      return { x, sides: {} };
    },
    block: (layer, tensors, x, { inputs }) =>
      restorationBlock(config, layer, tensors, x, picturesIn(inputs).size),
    loss: pixelLoss,
    targetStates({ parameters }, x, { inputs }) {
      const { size, pixels } = picturesIn(inputs);
      return leave(config, x, size, pixels, (name) => parameters.value(name));
    },
    logits: (_model, states) => states,
    ends: restorationEnds,
  };
}
