// Convolutions as products against those of libtorch.
import test from 'ava';
import { doubled, halved } from '../../../worker/generate/strided.ts';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { item, type Tensor } from '../../../worker/tensor/tensor.ts';

const random = (name: string, shape: readonly number[]): Tensor =>
  normal(shape, 1, streamOf(5, 'strided', name), 'float64');

function gap(a: Tensor, b: Tensor): number {
  return item(ops.amax(ops.abs(ops.sub(a, b))));
}

/** `[N, L, C]` as libtorch has it, and back. */
const turned = (x: Tensor): Tensor => ops.transpose(x, 1, 2);

for (const kernel of [3, 5, 7, 9]) {
  test(`width ${kernel}: a stride of 2, and its transpose`, (t) => {
    scope(() => {
      const [count, length, channels, outputs] = [2, 24, 3, 5];
      const half = (kernel - 1) / 2;
      const x = random(`x${kernel}`, [count, length, channels]);
      const w = random(`w${kernel}`, [outputs, kernel * channels]);
      // By output, channel and tap; transposed by channel, output and tap.
      const own = ops.permute(ops.view(w, [outputs, kernel, channels]), [0, 2, 1]);
      const conv = ops.conv1d(turned(x), own, null, [2], [half]);
      t.true(gap(halved(x, w, kernel), turned(conv)) < 1e-12);
      const across = ops.convTranspose1d(
        turned(x),
        ops.transpose(own, 0, 1),
        null,
        [2],
        [half],
        [1],
      );
      t.deepEqual(across.shape, [count, outputs, 2 * length]);
      t.true(gap(doubled(x, w, kernel), turned(across)) < 1e-12);
    });
  });
}

test('gradients follow libtorch’s', (t) => {
  scope(() => {
    const x = leaf(random('gx', [2, 8, 3]));
    const w = leaf(random('gw', [4, 21]));
    const seed = random('seed', [2, 4, 4]);
    const gradients = (make: () => Tensor) => grad([withTape(make)], [x, w], [seed]);
    const ours = gradients(() => halved(x, w, 7));
    const theirs = gradients(() => {
      const own = ops.permute(ops.view(w, [4, 7, 3]), [0, 2, 1]);
      return turned(ops.conv1d(turned(x), own, null, [2], [3]));
    });
    for (const [i, one] of ours.entries()) {
      const other = theirs[i];
      t.true(one != null && other != null && gap(one, other) < 1e-12);
    }
  });
});
