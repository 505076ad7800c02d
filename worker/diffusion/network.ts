// What a diffusion transformer computes, as the engine calls it (engine/network.ts).
import { Bug } from '../../crds/failures/errors.ts';
import type { Model } from '../engine/model.ts';
import type { Network, Sides } from '../engine/network.ts';
import type { ModelConfig } from '../families/family.ts';
import { withinDocuments } from '../nn/self-attention.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { diffusionBlock } from './block.ts';
import { type DiffusionConfig, diffusionConfig } from './config.ts';
import { diffusionEnds } from './ends.ts';
import { conditioningOf, inputAt, noisedInputs, patchStream } from './inlet.ts';
import { noiseErrors, noiseIn, noiseSums, outletStates } from './outlet.ts';

export function diffusionNetwork(of: ModelConfig): Network {
  const config = diffusionConfig(of);
  const tensorsOf = ({ parameters }: Model) => parameters.value.bind(parameters);
  return {
    inletReadsInBackward: true,
    inputs: (host, dtype) => noisedInputs(config, host, dtype),
    offsetsBefore: () => [],
    enter: (model, { inputs }) => ({
      x: scope(() => patchStream(config, inputs, tensorsOf(model))),
      sides: { c: scope(() => conditioningOf(inputs, tensorsOf(model))) },
    }),
    block: (layer, tensors, x, { offsets, inputs }, sides, see) =>
      diffusionBlock(config, layer, tensors, {
        ...{ x, c: conditioningIn(sides), row: inputs['row'] },
        attend: withinDocuments(layer, offsets, config, see),
      }),
    loss: (model, x, { inputs, offsets }, sides) =>
      scope(() => {
        const value = tensorsOf(model);
        const noise = noiseIn(config, outletStates(x, conditioningIn(sides), value), value);
        const pictures = (offsets.shape[0] ?? 0) - 1;
        const errors = noiseErrors(noise, inputs, pictures);
        const sums = noiseSums(errors, inputAt(inputs, 'quarter'));
        return { ...sums, rows: errors };
      }),
    targetStates: (model, x, _sequence, sides) =>
      scope(() => byPicture(config, outletStates(x, conditioningIn(sides), tensorsOf(model)))),
    logits: (model, states) =>
      scope(() => {
        const rows = ops.view(states, [-1, config.H]);
        return byPicture(config, noiseIn(config, rows, tensorsOf(model)));
      }),
    ends: diffusionEnds,
  };
}

/** Rows of patches `[P n, values]` as rows of pictures, `[P, n * values]`: those of targets. */
function byPicture({ contextLength }: DiffusionConfig, rows: Tensor): Tensor {
  const [count = 0, values = 0] = rows.shape;
  return ops.reshape(rows, [count / contextLength, contextLength * values]);
}

function conditioningIn({ c }: Sides): Tensor {
  if (c === undefined) throw new Bug('a block gets no conditioning');
  return c;
}
