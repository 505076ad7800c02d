// How SpIEL chooses places by accumulated gradients (AG): candidates by all gradients of a weight,
// and among them by their moments.
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { OwnLayer } from './adapter.ts';
import { candidates, firstOf, index, sortTogether_, value } from './places.ts';

/** As many places as `index` has, and none of them, with the largest gradients; ascending. */
export function largestOutside(gradient: Tensor, own: Tensor): Tensor {
  return scope(() => {
    const size = ops.abs(ops.view(gradient, [-1]));
    const outside = ops.indexFill_(size, 0, ops.to(own, 'int64'), -1);
    const [, places] = ops.topk(outside, own.numel);
    return ops.to(ops.sort(places)[0], 'int32');
  });
}

/** Drops and grows `count` places of a layer; ties go to the first place. */
export function regrowByGradients_({ tensors, states }: OwnLayer, count: number): void {
  if (count === 0) return;
  const [v, own, others] = [tensors(value), tensors(index), tensors(candidates)];
  const [moments, growing] = [states(value), states(candidates)];
  const { exp_avg: first } = growing;
  if (first === undefined) return;
  const [dropped, grown] = [
    firstOf(ops.abs(v), count, false),
    firstOf(ops.abs(first), count, true),
  ];
  const places = ops.indexSelect(own, 0, dropped);
  ops.indexCopy_(own, 0, dropped, ops.indexSelect(others, 0, grown));
  ops.indexCopy_(others, 0, grown, places);
  ops.indexFill_(v, 0, dropped, 0);
  for (const [name, state] of Object.entries(moments)) {
    const from = growing[name];
    if (from === undefined) continue;
    ops.indexCopy_(state, 0, dropped, ops.to(ops.indexSelect(from, 0, grown), state.dtype));
  }
  sortTogether_(own, [v, ...Object.values(moments)]);
  sortTogether_(others, []);
}
