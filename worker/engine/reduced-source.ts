// The weights that a base keeps where an adapter takes over a part of them:
//   W - scale * left right
// computed in float32 and rounded once, before anything is quantized or sharded.

import { rowPanels } from '../files/row-panels.ts';
import {
  type Adapter,
  type Initial,
  type LinearLayer,
  type LowRank,
  withInitial,
} from '../methods/adapters/adapter.ts';
import { type DType, exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';
import type { ModelSource } from './build-model.ts';

/** The source itself where the adapter leaves the weights as they are. */
export function reducedSource(
  source: ModelSource,
  adapter: Adapter,
  adapted: readonly LinearLayer[],
  initial: Initial,
): ModelSource {
  if (adapter.takesOver === undefined) return source;
  const layers = new Map(adapted.map((layer) => [`${layer.path}.weight`, layer]));
  return {
    ...source,
    load(name, dtype) {
      const layer = layers.get(name);
      if (layer === undefined) return source.load(name, dtype);
      return scope(
        () =>
          withInitial(initial, layer, (own) => {
            const part = adapter.takesOver?.(layer, own);
            if (part === undefined) return source.load(name, dtype);
            return without(part, weightOf(source, name, dtype), dtype);
          }),
        'cpu',
      );
    },
    isBfloat16: (name) => !layers.has(name) && source.isBfloat16(name),
  };
}

/** As its file has it: the mapped file where that is bfloat16, else in float32 at least. */
function weightOf(source: ModelSource, name: string, dtype: DType): Tensor {
  if (source.isBfloat16(name)) return source.load(name, 'bfloat16');
  return source.load(name, exactType(dtype));
}

/** `W - scale * left right` in `dtype`, some rows at a time. */
function without({ left, right, scale }: LowRank, weight: Tensor, dtype: DType): Tensor {
  const exact = exactType(dtype);
  const rest = ops.empty(weight.shape, { dtype });
  // A linear layer has the same bits for any number of threads.
  const turned = ops.contiguous(ops.t(ops.to(right, exact)));
  for (const [first, behind] of rowPanels(weight.shape)) {
    scope(() => {
      const rows = (of: Tensor) => ops.narrow(of, 0, first, behind - first);
      const taken = ops.linear(ops.to(rows(left), exact), turned);
      ops.copy_(rows(rest), ops.sub(ops.to(rows(weight), exact), taken, { alpha: scale }));
      releasePages(rows(weight));
    });
  }
  return rest;
}
