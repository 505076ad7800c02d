import test from 'ava';
import { GradientSum } from '../../../worker/engine/gradient-sum.ts';
import type { Parameter } from '../../../worker/engine/parameters.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';

function aParameter(name: string): Parameter {
  const value = tensor([0, 0], [2]);
  return {
    ...{ name, layer: 0, value, shape: [2], role: 'trained' },
    ...{ learningRateFactor: 1, decayed: true },
  };
}

const bf16 = (x: number, y: number): Tensor => scope(() => ops.to(tensor([x, y], [2]), 'bfloat16'));

test('one micro-batch passes through untouched, in its own type', (t) => {
  scope(() => {
    const sum = new GradientSum([aParameter('w')], 1);
    const gradient = bf16(1, 2);
    sum.add([gradient]);
    t.is(sum.finish()[0]?.value, gradient);
  });
});

test('several are added in float32 where one alone would be 16 bit wide', (t) => {
  scope(() => {
    const sum = new GradientSum([aParameter('w')], 3);
    // In bfloat16 both small parts would be lost beside 256.
    for (const x of [256, 0.5, 0.25]) sum.add([bf16(x, 1)]);
    const [total] = sum.finish();
    t.is(total?.value.dtype, 'float32');
    t.deepEqual(toArray(total!.value), [256.75, 3]);
  });
});

test('float64 gradients stay float64', (t) => {
  scope(() => {
    const sum = new GradientSum([aParameter('w')], 2);
    sum.add([tensor([1, 2 ** -50], [2], 'float64')]);
    sum.add([tensor([1, 1], [2], 'float64')]);
    t.deepEqual(toArray(sum.finish()[0]!.value), [2, 1 + 2 ** -50]);
  });
});

test('sums come in the order of the parameters, and what was not used is left out', (t) => {
  scope(() => {
    const names = ['a', 'b', 'c'];
    const sum = new GradientSum(names.map(aParameter), 2);
    sum.add([tensor([1, 1], [2]), null, null]);
    sum.add([tensor([2, 2], [2]), null, tensor([5, 5], [2])]);
    const found = sum.finish().map(({ parameter, value }) => [parameter.name, toArray(value)[0]]);
    t.deepEqual(found, [
      ['a', 3],
      ['c', 5],
    ]);
  });
});

test('gradients that were added are freed at once', (t) => {
  scope(() => {
    const sum = new GradientSum([aParameter('w')], 8);
    sum.add([bf16(1, 1)]);
    const before = liveHandles();
    for (let n = 0; n < 7; n += 1) sum.add([bf16(1, 1)]);
    t.is(liveHandles(), before);
  });
});
