// `W + scale * B A`, added in float32 to the weight that was trained with and rounded once: the original of the file, which has more
// digits than a dense copy in the model's type, or what a quantised one stands for.
import { tensorsOf } from '../engine/model.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { denseCopy, isQuantized } from '../weights/weight-store.ts';
import type { ArtifactFacts } from './artifact.ts';

/** The tensor `name` of the trained model, adapters folded in, in `dtype`; the caller's scope owns it. */
export function mergedTensor(
  { files, model }: Pick<ArtifactFacts, 'files' | 'model'>,
  name: string,
  dtype: DType,
): Tensor {
  return scope(() => {
    const path = name.replace(/\.weight$/, '');
    const delta = name.endsWith('.weight') ? tensorsOf(model, new Map(), null).delta(path) : null;
    const value = model.parameters.value(name);
    if (delta === null) return denseCopy(value, dtype);
    const exact = model.dtype === 'float64' ? 'float64' : 'float32';
    const change = ops.mm(ops.to(delta.B, exact), ops.to(delta.A, exact));
    const original = isQuantized(value)
      ? denseCopy(value, exact)
      : files.load(name, { dtype: exact });
    return ops.to(ops.add(original, change, { alpha: delta.scale }), dtype);
  });
}
