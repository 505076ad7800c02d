// The change of an adapter as a dense matrix, by loops over its definition.
import { type Model, tensorsOf } from '../../worker/engine/model.ts';
import type { Delta } from '../../worker/methods/adapters/delta.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { type Tensor, tensor, toArray } from '../../worker/tensor/tensor.ts';

/** `[out, in]`, its scale included. */
export function denseChangeOf(delta: Delta, shape: readonly number[], dtype: DType): Tensor {
  if (delta.form === 'product') {
    const product = ops.mm(ops.to(delta.B, dtype), ops.to(delta.A, dtype));
    return ops.mulScalar(product, delta.scale);
  }
  const [out = 0, inputs = 0] = shape;
  const values = new Float64Array(out * inputs);
  const chosen = toArray(delta.index);
  const given = toArray(delta.value);
  if (delta.form === 'sparse') {
    for (const [k, place] of chosen.entries()) values[place] = given[k] ?? Number.NaN;
    return tensor(values, shape, dtype);
  }
  for (const [k, place] of chosen.entries()) {
    for (let i = 0; i < (delta.form === 'columns' ? out : inputs); i++) {
      const [at, from] =
        delta.form === 'columns'
          ? [i * inputs + place, i * chosen.length + k]
          : [place * inputs + i, k * inputs + i];
      values[at] = delta.scale * (given[from] ?? Number.NaN);
    }
  }
  return tensor(values, shape, dtype);
}

/** Of each adapted layer of a model in float64, by its path. */
export function denseChanges(model: Model): ReadonlyMap<string, readonly number[]> {
  return scope(() => {
    const tensors = tensorsOf(model, new Map(), null);
    const all = [...model.adapted.values()].map(({ path, out, in: inputs }) => {
      const delta = tensors.delta(path);
      if (delta === null) throw new Error(path);
      return [path, toArray(denseChangeOf(delta, [out, inputs], 'float64'))] as const;
    });
    return new Map(all);
  });
}
