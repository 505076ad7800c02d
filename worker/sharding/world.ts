// The ranks of a process group as a world: what they agree on is a sum in float64.
import type { World } from '../engine/world.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, tensor, toArray } from '../tensor/tensor.ts';
import type { ProcessGroup } from './process-group.ts';

export function worldOf(group: ProcessGroup): World {
  const { rank, size } = group;
  const sum = (values: readonly number[]): readonly number[] =>
    scope(() => {
      const all = tensor(values, [values.length], 'float64');
      group.allReduce(all).wait();
      return toArray(all);
    }, 'cpu');
  return {
    rank,
    size,
    sum,
    sumTensor: (values: Tensor) => group.allReduce(values).wait(),
    agree: (flag) => sum([flag ? 1 : 0]).some((count) => count > 0),
    fromFirst: (value) => sum([rank === 0 ? value : 0])[0] ?? 0,
  };
}
