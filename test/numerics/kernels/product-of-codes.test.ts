// Products of matrices in 8 bits by the instructions for them where shapes allow it, and without
// where they do not: on a device the ways differ (worker/native/kernels/halo/eight_bits.h), the
// products do not.
import test from 'ava';
import { dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';
import { distance, draw, largest, run, wide } from './compare.ts';

const sizes = [
  { title: 'whole pieces', tokens: 64, inputs: 48, outputs: 32 },
  { title: 'few tokens', tokens: 5, inputs: 32, outputs: 16 },
  { title: 'odd sizes', tokens: 37, inputs: 20, outputs: 9 },
];
const formats = { INT8: 1, FP8: 2 } as const;

for (const { title, tokens, inputs, outputs } of sizes) {
  for (const [name, format] of Object.entries(formats)) {
    test(`the three products of ${title} in ${name} are those of their codes`, (t) => {
      scope(() => {
        const x = draw('x', [tokens, inputs], 'float32');
        const w = draw('w', [outputs, inputs], 'float32');
        const dy = draw('dy', [tokens, outputs], 'float32');
        const [codes, scale] = ops.quantizeRotated(w, format);
        const got = run(
          (a, b) =>
            ops.haloLinearGroup(
              a as Tensor,
              ...([[b as Tensor], [codes], [scale], [null], 0, format, true, 0, 256] as const),
            ),
          [x, w],
          [dy],
        );
        const [qx, qw, qdy] = [x, w, dy].map((m) => {
          const [values, by] = ops.quantizeRotated(m, format);
          return ops.mul(wide(values), wide(by));
        }) as [Tensor, Tensor, Tensor];
        const expected = [
          ops.matmul(qx, ops.t(qw)),
          ops.matmul(qdy, qw),
          ops.matmul(ops.t(qdy), qx),
        ];
        for (const [i, one] of [...got.outputs, ...got.gradients].entries()) {
          const exact = expected[i] as Tensor;
          const bound = 64 * dtypeEpsilon('float32') * largest(exact);
          t.true(distance(one, exact) <= bound, `${i}`);
        }
      });
    });
  }
}
