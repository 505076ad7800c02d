// What two towers compute, as the engine calls it (engine/network.ts): two stages, of texts and of
// pictures. The outlet compares what both end with: that of the texts is a side of the second.
import type { Network } from '../engine/network.ts';
import type { ModelConfig } from '../families/family.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { pictureInputs } from '../vision/inlet.ts';
import { clipConfig } from './config.ts';
import { similarities } from './contrast.ts';
import { clipEnds } from './ends.ts';
import {
  enteredTexts,
  foundOf,
  lossSums,
  pictureUnits,
  targetTexts,
  textsIn,
  textUnits,
} from './joint.ts';
import { names } from './names.ts';
import { textTower } from './text-tower.ts';
import { visionTower } from './vision-tower.ts';

export function clipNetwork(of: ModelConfig): Network {
  const config = clipConfig(of);
  const [texts, pictures] = [textTower(config), visionTower(config)];
  const { text, vision } = config;
  return {
    inletReadsInBackward: true,
    inputs: (host, dtype) => ({
      ...pictureInputs(vision, host, dtype),
      ...texts.inputs(textsIn(host)),
    }),
    offsetsBefore: (host) => [textsIn(host).offsets],
    enter(model, sequence, _stage, before) {
      const value = (name: string) => model.parameters.value(name);
      if (before === null) return { x: enteredTexts(model, sequence), sides: {} };
      const sides = { texts: textUnits(config, before, sequence, value) };
      return { x: pictures.entered(model, sequence, value), sides };
    },
    block(layer, tensors, x, sequence, _sides, see) {
      const isText = layer < text.L;
      const [{ offsets } = sequence] = isText ? sequence.before : [];
      const { attentionScale: scale } = isText ? text : vision;
      const [tower, own] = isText ? [texts, layer] : [pictures, layer - text.L];
      return tower.block(own, tensors, x, (q, k, v) => {
        see?.(layer, q, k);
        const causal = isText && texts.isCausal;
        return ops.attention(q, k, v, offsets, scale, 0, 0, { causal });
      });
    },
    loss: (model, x, sequence, sides) =>
      scope(() => {
        const found = foundOf(logitsOf(model, x, sequence, sides), sequence);
        return { rows: found.rows, ...lossSums(found) };
      }),
    targetStates: (model, x, sequence, sides) => scope(() => logitsOf(model, x, sequence, sides)),
    logits: (_model, states) => states,
    ends: clipEnds,
  };

  function logitsOf(...[model, x, sequence, sides]: Parameters<Network['targetStates']>) {
    const value = (name: string) => model.parameters.value(name);
    return similarities({
      pictures: pictureUnits(config, x, sequence, value),
      texts: targetTexts(sequence, sides),
      logitScale: value(names.logitScale),
    });
  }
}
