import test from 'ava';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';
import {
  arithmeticEpsilon,
  bytesByThreads,
  distance,
  draw,
  dtypesUnderTest,
  largest,
  onEachIsa,
  run,
  storedError,
  wide,
} from './compare.ts';

interface Case {
  readonly pictures: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly kernel: number;
}

const aCase = (
  pictures: number,
  [height, width]: readonly [number, number],
  channels: number,
  kernel: number,
): Case => ({ pictures, height, width, channels, kernel });

const cases = [
  aCase(1, [1, 1], 1, 1),
  aCase(2, [5, 4], 3, 3),
  aCase(3, [1, 7], 2, 3),
  aCase(1, [6, 1], 5, 5),
  // Windows larger than the picture.
  aCase(2, [2, 3], 4, 7),
  aCase(4, [16, 12], 17, 3),
  aCase(0, [3, 3], 4, 3),
];

const titleOf = ({ pictures, height, width, channels, kernel }: Case) =>
  `${pictures} of ${height} x ${width} x ${channels}, kernel ${kernel}`;

/** The definition, with plain operators: pads, and takes each place of the window. */
function reference({ height, width, channels, kernel }: Case, x: Tensor): Tensor {
  const half = (kernel - 1) / 2;
  const picture = ops.view(x, [-1, height, width, channels]);
  const zeros = (shape: readonly number[]) => ops.zeros(shape, { dtype: x.dtype });
  const beside = zeros([picture.shape[0] ?? 0, height, half, channels]);
  const wider = ops.cat([beside, picture, beside], 2);
  const above = zeros([picture.shape[0] ?? 0, half, width + 2 * half, channels]);
  const padded = ops.cat([above, wider, above], 1);
  const places = Array.from({ length: kernel ** 2 }, (_, place) => {
    const rows = ops.narrow(padded, 1, Math.floor(place / kernel), height);
    return ops.narrow(rows, 2, place % kernel, width);
  });
  return ops.reshape(ops.stack(places, -1), [x.shape[0] ?? 0, channels * kernel ** 2]);
}

function draws({ pictures, height, width, channels, kernel }: Case, dtype: DType) {
  const rows = pictures * height * width;
  const x = draw('x', [rows, channels], dtype);
  return { x, dy: draw('dy', [rows, channels * kernel ** 2], dtype) };
}

function patches({ height, width, kernel }: Case, x: Tensor, dy: Tensor) {
  return run((own) => ops.patches(own as Tensor, height, width, kernel), [x], [dy]);
}

for (const one of cases) {
  for (const dtype of dtypesUnderTest) {
    test(`patches equal their definition, forward and backward: ${titleOf(one)}, ${dtype}`, (t) => {
      scope(() => {
        const { x, dy } = draws(one, dtype);
        const exact = run((own) => reference(one, own as Tensor), [wide(x)], [wide(dy)]);
        const [dx] = exact.gradients as [Tensor];
        // A sum of the places of a window, in another order.
        const area = one.kernel ** 2;
        const bound =
          arithmeticEpsilon(dtype) * area * area * largest(dy) +
          1.1 * storedError(dtype) * largest(dx);
        onEachIsa((isa) => {
          const got = patches(one, x, dy);
          const [y, g] = [got.outputs[0] as Tensor, got.gradients[0] as Tensor];
          t.deepEqual([y.dtype, g.dtype], [dtype, dtype]);
          t.deepEqual(y.shape, exact.outputs[0]?.shape, isa);
          t.is(distance(y, exact.outputs[0] as Tensor), 0, 'values are copied');
          t.true(distance(g, dx) <= bound, `${isa}: ${distance(g, dx)} > ${bound}`);
        });
      });
    });
  }
}

test('patches have the same bits for any number of threads', (t) => {
  scope(() => {
    const one = aCase(2, [20, 15], 12, 3);
    for (const dtype of dtypesUnderTest) {
      const { x, dy } = draws(one, dtype);
      const [first, ...others] = bytesByThreads([1, 2, 3, 7], () => patches(one, x, dy));
      for (const other of others) t.deepEqual(other, first);
    }
  });
});

test('a product with patches is a convolution: an edge in the weight finds one in the picture', (t) => {
  scope(() => {
    const picture = tensor([0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1], [12, 1], 'float64');
    const weight = tensor([0, 0, 0, 0, -1, 1, 0, 0, 0], [1, 9], 'float64');
    const found = ops.linear(ops.patches(picture, 3, 4, 3), weight, null);
    t.deepEqual(toArray(found), [0, 1, 0, -1, 0, 1, 0, -1, 0, 1, 0, -1]);
  });
});

test('patches read a view, and refuse what they cannot read, with the reason', (t) => {
  scope(() => {
    const x = draw('x', [12, 4], 'float32');
    const turned = ops.t(ops.contiguous(ops.t(x)));
    t.is(distance(ops.patches(turned, 3, 4, 3), ops.patches(x, 3, 4, 3)), 0);
    t.throws(() => ops.patches(x, 3, 4, 2), { message: /kernel is 2; it must be odd/ });
    t.throws(() => ops.patches(x, 0, 4, 3), { message: /0 x 4 pixels; it must have some/ });
    t.throws(() => ops.patches(x, 5, 1, 3), { message: /\[12, 4\]; it must be \[pictures of 5/ });
    t.throws(() => ops.patches(ops.to(x, 'int32'), 3, 4, 3), { message: /dtype/ });
  });
});
