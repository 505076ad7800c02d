import test from 'ava';
import { checkIds } from '../../../worker/publish/check-sequence.ts';
import { checkLogits, compareLogits } from '../../../worker/publish/reload-check.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { aToyModel } from '../../builders/toy-training.ts';
import { golden, goldenConfig, goldenTensors } from '../../toy/golden.ts';
import { document, referenceLogits } from '../../toy/reference-decoder.ts';

const [rows, columns] = [5, 7];
const draw = (name: string) =>
  normal([rows, columns], 2, streamOf(1, 'reload-check.test', name), 'float64');

function shares(row: readonly number[]): readonly number[] {
  const weights = row.map(Math.exp);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

test('the gap is the largest between two logits, the divergence a mean over positions', (t) => {
  scope(() => {
    const [a, b] = [draw('a'), draw('b')];
    const [x, y] = [toArray(a), toArray(b)];
    const gap = Math.max(...x.map((z, i) => Math.abs(z - (y[i] ?? 0))));
    let divergence = 0;
    for (let row = 0; row < rows; row += 1) {
      const cut = (values: readonly number[]) => values.slice(row * columns, (row + 1) * columns);
      const [p, q] = [shares(cut(x)), shares(cut(y))];
      for (const [i, share] of p.entries()) divergence += share * Math.log(share / (q[i] ?? 0));
    }
    const report = compareLogits(a, b);
    t.is(report.largestLogitGap, gap);
    t.is(report.tokens, rows);
    t.true(Math.abs(report.klDivergence - divergence / rows) <= 1e3 * 2 ** -53);
    t.true(report.klDivergence > 0);
  });
});

test('the same logits have no gap, and one other number is found', (t) => {
  scope(() => {
    const a = draw('a');
    const same = compareLogits(a, ops.toCopy(a, {}));
    t.is(same.largestLogitGap, 0);
    t.true(Math.abs(same.klDivergence) <= 1e3 * 2 ** -53);
    const b = ops.toCopy(a, {});
    ops.add_(ops.narrow(ops.narrow(b, 0, 3, 1), 1, 2, 1), tensor([1e-9], [1, 1], 'float64'));
    const { largestLogitGap } = compareLogits(a, b);
    t.true(Math.abs(largestLogitGap - 1e-9) <= 1e-15);
  });
});

test('logits of the check are those of the decoder that is written down literally, caps included', (t) => {
  for (const each of golden.cases) {
    const model = aToyModel({ name: each.name, dtype: 'float64' });
    using _parameters = model.parameters;
    const before = liveHandles();
    using ours = keep(checkLogits(model));
    t.is(liveHandles(), before + 1);
    scope(() => {
      const config = goldenConfig(each);
      const weights = new Map(
        [...goldenTensors(config)].map(([name, { spec, values }]) => [
          name,
          tensor(values, spec.shape),
        ]),
      );
      const expected = referenceLogits({ config, weights }, document([...checkIds(config.V)]));
      const { largestLogitGap } = compareLogits(expected, ours);
      // Two orders of some 10^4 float64 operations on values of size 10.
      t.true(largestLogitGap <= 1e4 * 10 * 2 ** -53, `${each.name}: ${largestLogitGap}`);
    });
  }
});
