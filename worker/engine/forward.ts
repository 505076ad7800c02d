// The forward pass without a tape, for evaluation and checks.
import { Bug } from '../../crds/failures/errors.ts';
import type { DecoderConfig } from '../decoder/config.ts';
import { rmsNorm } from '../nn/rms-norm.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { runBlock } from './block-tape.ts';
import { embed } from './embedding.ts';
import { finalNormName, type Model } from './model.ts';
import { type PackedSequence, type SeeAttention, toSequence } from './packed-sequence.ts';
import { type Layer, withLayer } from './weights.ts';

/**
 * The residual streams after the last block, `[T, H]` for each sequence. Each block runs all
 * sequences before the next block starts.
 */
export function residualStreams(
  model: Model,
  sequences: readonly PackedSequence[],
  seeAttention?: SeeAttention,
): readonly Tensor[] {
  const { config } = model;
  return scope(() => {
    let streams = withLayer(model, 'embedding', 0, () =>
      sequences.map(({ ids }) => embed(model, ids)),
    );
    for (let layer = 0; layer < config.L; layer += 1) {
      streams = withLayer(model, layer, layerAfter(config, layer), () =>
        sequences.map((sequence, a) => {
          const x = streams[a] ?? missing(a);
          const next = runBlock({ model, layer, sequence, draw: null, seeAttention }, x);
          x.dispose();
          return next;
        }),
      );
    }
    return streams;
  }, model.device);
}

/** The layer that runs after a block. */
export function layerAfter({ L }: DecoderConfig, layer: number): Layer {
  return layer + 1 < L ? layer + 1 : 'head';
}

function missing(index: number): never {
  throw new Bug(`no residual stream for sequence ${index}`);
}

/** Normed hidden states of one document, ready for the head: `[T, H]`. */
export function hiddenStates(model: Model, ids: Int32Array): Tensor {
  return scope(() => {
    const sequence = toSequence(
      model.rope,
      {
        ids,
        labels: new Int32Array(ids.length).fill(-100),
        positions: Int32Array.from(ids, (_, position) => position),
        offsets: Int32Array.of(0, ids.length),
        targetCount: 0,
        key: 0,
      },
      model.dtype,
    );
    const { normEps, normOffset } = model.config;
    const weight = model.parameters.value(finalNormName);
    const norm = { weight, epsilon: normEps, offset: normOffset };
    const [x = missing(0)] = residualStreams(model, [sequence]);
    return rmsNorm(x, norm);
  }, model.device);
}
