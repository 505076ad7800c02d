// A tensor that the files of a model lack, such as the head of a classifier before its training.
import type { TensorSpec } from '../families/family.ts';
import type { LoadOptions } from '../files/safetensors.ts';
import { asType } from '../tensor/as-type.ts';
import * as ops from '../tensor/ops.generated.ts';
import { normal } from '../tensor/rng.ts';
import { scope } from '../tensor/scope.ts';
import { streamOf } from '../tensor/streams.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Drawn in float32 by its name and the seed, so that all ranks and types begin with one model. */
export function madeTensor(
  { name, shape, made }: TensorSpec,
  seed: number | bigint,
  { dtype = 'float32', rows }: LoadOptions = {},
): Tensor {
  return scope(() => {
    const { std = 0, value = 0 } = made ?? {};
    const whole =
      std === 0
        ? ops.full(shape, value, { dtype: 'float32', device: 'cpu' })
        : normal(shape, std, streamOf(seed, 'made', name), 'float32', 'cpu');
    const part = rows === undefined ? whole : ops.narrow(whole, 0, rows[0], rows[1] - rows[0]);
    return asType(part, dtype);
  });
}
