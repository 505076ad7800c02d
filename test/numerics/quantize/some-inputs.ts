// Weights and inputs of a layer that are like those of a decoder.
import { InputGram } from '../../../worker/quantize/input-gram.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';

export const outputs = 48;
export const inputs = 320;
export const tokens = 600;

export function draw(name: string, shape: readonly number[]): Tensor {
  return normal(shape, 1, streamOf(5, 'quantize-matrix.test', name), 'float32');
}

/** Activations of a decoder are alike in many channels, and large in a few. */
export function someInputs(name = 'x', count = tokens): Tensor {
  return scope(() => {
    const common = ops.linear(draw(`${name} common`, [count, 40]), draw('mixing', [inputs, 40]));
    const x = ops.add(common, ops.mulScalar(draw(name, [count, inputs]), 2));
    ops.mulScalar_(ops.narrow(x, 1, 7, 3), 12);
    return x;
  });
}

export function gramOf(x: Tensor): Tensor {
  using sum = new InputGram(x);
  const [rows = 0] = x.shape;
  for (let at = 0; at < rows; at += 250) sum.add(ops.narrow(x, 0, at, Math.min(250, rows - at)));
  return ops.clone(sum.whole);
}
