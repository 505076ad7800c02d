import test from 'ava';
import { convertByRows } from '../../../worker/decoder/convert-by-rows.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { toBytes } from '../../../worker/tensor/tensor.ts';

const sizes = [[3000, 700], [2 ** 20 + 5], [40, 8], [7], [0, 8], []] as const;

for (const shape of sizes) {
  test(`what is converted some rows at a time is what is converted at once: [${shape}]`, (t) => {
    scope(() => {
      const values = normal(shape, 1, streamOf(0, 'rows', 'values'), 'float32');
      const atOnce: number[] = [];
      const made = convertByRows(shape, 'bfloat16', ([first, behind]) => {
        const part = shape.length === 0 ? values : ops.narrow(values, 0, first, behind - first);
        atOnce.push(part.numel);
        return ops.to(part, 'bfloat16');
      });
      t.deepEqual(made.shape, [...shape]);
      t.deepEqual(toBytes(made), toBytes(ops.to(values, 'bfloat16')));
      t.true(atOnce.every((count) => count <= 2 ** 20));
    });
  });
}
