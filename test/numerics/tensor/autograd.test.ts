import test from 'ava';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import { dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import { liveHandles, memoryStatistics } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { item, type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';

const random = (shape: readonly number[], name: string): Tensor =>
  normal(shape, 1, streamOf(1, 'autograd.test', name), 'float64');

/** Two layers with a bias, a nonlinearity and a reduction, in one number. */
function network(x: Tensor, w: Tensor, b: Tensor, v: Tensor): Tensor {
  return ops.sum(ops.square(ops.linear(ops.silu(ops.linear(x, w, b)), v)));
}

test('gradients equal central differences in float64', (t) => {
  scope(() => {
    const inputs = [
      random([5, 4], 'x'),
      random([6, 4], 'w'),
      random([6], 'b'),
      random([3, 6], 'v'),
    ] as const;
    const leaves = inputs.map(leaf) as [Tensor, Tensor, Tensor, Tensor];
    const gradients = grad([withTape(() => network(...leaves))], leaves, [null]);
    // Truncation h²·f‴/6 against rounding ε·f/h: both are smallest near the cube root of ε.
    const h = Math.cbrt(dtypeEpsilon('float64'));
    const scale = item(network(...inputs));
    for (const [i, input] of inputs.entries()) {
      const numeric = Array.from({ length: input.numel }, (_, at) => {
        const value = (sign: number): number => {
          const moved = ops.clone(input);
          ops.addScalar_(ops.select(ops.view(moved, [-1]), 0, at), sign * h);
          const all = inputs.map((each, k) => (k === i ? moved : each));
          return scope(() => item(network(...(all as [Tensor, Tensor, Tensor, Tensor]))));
        };
        return (value(1) - value(-1)) / (2 * h);
      });
      for (const [k, exact] of toArray(gradients[i]!).entries()) {
        // h² times the size of the function bounds both errors.
        t.true(
          Math.abs(exact - numeric[k]!) < 10 * h * h * scale,
          `${exact} against ${numeric[k]}`,
        );
      }
    }
  });
});

test('the tape is off unless asked for, and after a throw', (t) => {
  scope(() => {
    const x = leaf(tensor([2], [1]));
    const untaped = ops.square(x);
    t.throws(() => grad([untaped], [x], [null]), { message: /does not require grad/ });
    t.throws(() =>
      withTape(() => {
        throw new Error('planned');
      }),
    );
    t.throws(() => grad([ops.square(x)], [x], [null]), { message: /does not require grad/ });
  });
});

test('tapes nest, and the inner one does not end the outer', (t) => {
  scope(() => {
    const x = leaf(tensor([3], [1]));
    const y = withTape(() => {
      withTape(() => undefined);
      return ops.square(x);
    });
    t.deepEqual(toArray(grad([y], [x], [null])[0]!), [6]);
  });
});

test('seeds weigh several outputs', (t) => {
  scope(() => {
    const x = leaf(tensor([1, 2], [2]));
    const [a, b] = withTape(() => [ops.mulScalar(x, 3), ops.square(x)]);
    const [g] = grad([a!, b!], [x], [tensor([1, 10], [2]), tensor([1, 1], [2])]);
    t.deepEqual(toArray(g!), [3 + 2, 30 + 4]);
  });
});

test('an input that nothing depends on has no gradient', (t) => {
  scope(() => {
    const [x, unused] = [leaf(tensor([1], [1])), leaf(tensor([1], [1]))];
    const [, g] = grad([withTape(() => ops.square(x))], [x, unused], [null]);
    t.is(g, null);
  });
});

test('an output of several elements needs a seed, and the refusal says so', (t) => {
  scope(() => {
    const x = leaf(tensor([1, 2], [2]));
    const y = withTape(() => ops.square(x));
    t.throws(() => grad([y], [x], [null]), { message: /scalar outputs/ });
  });
});

test('a tape is used once', (t) => {
  scope(() => {
    const x = leaf(tensor([1], [1]));
    const y = withTape(() => ops.square(x));
    grad([y], [x], [null]);
    t.throws(() => grad([y], [x], [null]), { message: /a second time/ });
  });
});

test('a leaf shares the values of its tensor and not its history', (t) => {
  scope(() => {
    const x = tensor([1, 2], [2]);
    const alias = leaf(x);
    ops.fill_(x, 5);
    t.deepEqual(toArray(alias), [5, 5]);
  });
});

test('whole numbers have no gradient', (t) => {
  using x = tensor(Int32Array.of(1), [1]);
  t.throws(() => leaf(x), { message: /floating point/ });
});

test('a taped computation leaves no handle and no memory behind', (t) => {
  const step = (): void =>
    scope(() => {
      const x = leaf(random([64, 64], 'x'));
      const y = withTape(() => ops.sum(ops.silu(ops.mm(x, x))));
      grad([y], [x], [null]);
    });
  step();
  const [handles, bytes] = [liveHandles(), memoryStatistics().tensorBytes];
  step();
  t.is(liveHandles(), handles);
  t.is(memoryStatistics().tensorBytes, bytes);
});
