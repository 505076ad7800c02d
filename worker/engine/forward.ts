// The forward pass without a tape, for evaluation and checks.
import { rmsNorm } from '../nn/rms-norm.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Bin, toBin } from './bin.ts';
import { runBlock } from './block-tape.ts';
import { embed } from './embedding.ts';
import { finalNormName, type Model } from './model.ts';

/** The residual stream behind the last block, `[T, H]`. */
export function residualStream(model: Model, bin: Bin): Tensor {
  return scope(() => {
    let x = embed(model, bin.ids);
    for (let layer = 0; layer < model.config.L; layer += 1) {
      const next = runBlock({ model, layer, bin, draw: null }, x);
      x.dispose();
      x = next;
    }
    return x;
  });
}

/** Normed hidden states of one document, ready for the head: `[T, H]`. */
export function hiddenStates(model: Model, ids: Int32Array): Tensor {
  return scope(() => {
    const bin = toBin(
      model.rope,
      {
        ids,
        labels: new Int32Array(ids.length).fill(-100),
        positions: Int32Array.from(ids, (_, position) => position),
        offsets: Int32Array.of(0, ids.length),
        learned: 0,
        key: 0,
      },
      model.dtype,
    );
    const { normEps, normOffset } = model.config;
    const weight = model.parameters.value(finalNormName);
    const norm = { weight, epsilon: normEps, offset: normOffset };
    return rmsNorm(residualStream(model, bin), norm);
  });
}
