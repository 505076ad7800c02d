// Values of an adapter that a proximal step makes zero where training does not keep them.
import type { World } from '../../engine/world.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import { item, type Tensor } from '../../tensor/tensor.ts';

/** The `z` with the least `(z - x)^2 / 2 + threshold |z|`, for each value `x`. */
export function shrink_(value: Tensor, threshold: number): void {
  ops.sub_(value, ops.clamp(value, -threshold, threshold));
}

/** `9 of 16`: how many are not zero. Collective: each rank has its parts. */
export function valuesLeft(parts: readonly Tensor[], sum: World['sum']): string {
  const [left = 0, all = 0] = sum([
    parts.length === 0 ? 0 : notZero(parts),
    parts.reduce((count, { numel }) => count + numel, 0),
  ]);
  return `${left} of ${all}`;
}

/** Read at once: each number is a wait for the device. */
function notZero(tensors: readonly Tensor[]): number {
  return scope(() => {
    const all = ops.cat(tensors.map((one) => ops.view(one, [-1])));
    return item(ops.sum(ops.to(ops.neScalar(all, 0), 'float32')));
  });
}
