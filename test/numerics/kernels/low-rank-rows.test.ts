// Low-rank products of ranges of rows, which adapters of a server add beside one product.
import test from 'ava';
import { type DType, dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import { testOfProcessor } from '../../builders/test-of-processor.ts';
import {
  bytesByThreads,
  distance,
  draw,
  dtypesUnderTest,
  largest,
  onEachIsa,
  wide,
} from './compare.ts';

interface Range {
  readonly from: number;
  readonly count: number;
  readonly rank: number;
}

/**
 * One row, some, more than share a reading of factors, more than are few; ranks that are no whole
 * groups; rows of nobody before, between, behind.
 */
const ranges: readonly Range[] = [
  { from: 1, count: 1, rank: 16 },
  { from: 2, count: 3, rank: 1 },
  { from: 6, count: 9, rank: 64 },
  { from: 15, count: 33, rank: 5 },
  { from: 48, count: 7, rank: 6 },
  { from: 55, count: 0, rank: 4 },
];
const [tokens, inputs, outputs] = [57, 37, 51];

/** How B lies in memory: as files have it, and as a server keeps it for few rows. */
const layouts = ['[O, r]', 'turned'] as const;
type Layout = (typeof layouts)[number];

function drawn(dtype: DType, layout: Layout = 'turned') {
  const factors = dtype === 'bfloat16' ? 'float32' : dtype;
  return {
    y: draw('y', [tokens, outputs], dtype),
    x: draw('x', [tokens, inputs], dtype),
    as: ranges.map(({ rank }, i) => draw(`a${i}`, [rank, inputs], factors, 0.2)),
    bs: ranges.map(({ rank }, i) => {
      const b = draw(`b${i}`, [outputs, rank], factors, 0.2);
      return layout === 'turned' ? ops.t(ops.contiguous(ops.t(b))) : b;
    }),
  };
}

const rows = ranges.flatMap(({ from, count }) => [from, count]);
const rowOf = (x: Tensor, at: number): Uint8Array => toBytes(ops.narrow(x, 0, at, 1));

test('each range gets the product of its own factors, other rows nothing', (t) => {
  onEachIsa((isa) => {
    for (const [dtype, layout] of dtypesUnderTest.flatMap((d) =>
      layouts.map((l) => [d, l] as const),
    )) {
      scope(() => {
        const { y, x, as, bs } = drawn(dtype, layout);
        const got = ops.addLowRank_(ops.clone(y), x, as, bs, rows);
        const exact = ops.clone(wide(y));
        for (const [i, { from, count }] of ranges.entries()) {
          const between = ops.mm(ops.narrow(wide(x), 0, from, count), ops.t(wide(as[i] as Tensor)));
          const change = ops.mm(between, ops.t(wide(bs[i] as Tensor)));
          ops.add_(ops.narrow(exact, 0, from, count), change);
        }
        // Rounded once: half a unit of the last place of the largest value, beside sums of float32.
        const rounding = dtype === 'bfloat16' ? 0.5 * dtypeEpsilon('bfloat16') : 0;
        const sums = 64 * dtypeEpsilon(dtype === 'float64' ? 'float64' : 'float32');
        const bound = (rounding + sums) * largest(exact);
        t.true(
          distance(got, exact) <= bound,
          `${isa} ${dtype} ${layout}: ${distance(got, exact)} ${bound}`,
        );
        for (const at of [0, 5, 55, 56]) t.deepEqual(rowOf(got, at), rowOf(y, at));
      });
    }
  });
});

test('what a range computes, even NaN, changes no bit of another', (t) => {
  scope(() => {
    const { y, x, as, bs } = drawn('float32');
    const alone = ranges.map((_, i) =>
      ops.addLowRank_(
        ops.clone(y),
        x,
        as.slice(i, i + 1),
        bs.slice(i, i + 1),
        rows.slice(2 * i, 2 * i + 2),
      ),
    );
    const spoilt = [ops.full([16, inputs], Number.NaN), ...as.slice(1)];
    const got = ops.addLowRank_(ops.clone(y), x, spoilt, bs, rows);
    for (const [i, { from, count }] of ranges.entries()) {
      if (i === 0) continue;
      const part = (z: Tensor): Uint8Array => toBytes(ops.narrow(z, 0, from, count));
      t.deepEqual(part(got), part(alone[i] as Tensor));
    }
    t.true(Number.isNaN(largest(ops.narrow(got, 0, 1, 1))));
  });
});

testOfProcessor('a row of few gets the same bits whatever rows are beside it', (t) => {
  onEachIsa((isa) => {
    for (const dtype of ['float32', 'bfloat16'] as const) {
      scope(() => {
        const { y, x, as, bs } = drawn(dtype);
        const [{ from, count }, a, b] = [ranges[4] as Range, as.slice(4, 5), bs.slice(4, 5)];
        const together = ops.addLowRank_(ops.clone(y), x, a, b, [from, count]);
        for (let at = from; at < from + count; at += 1) {
          const alone = ops.addLowRank_(ops.clone(y), x, a, b, [at, 1]);
          t.deepEqual(rowOf(together, at), rowOf(alone, at), `${isa} ${dtype} row ${at}`);
          t.notDeepEqual(rowOf(alone, at), rowOf(y, at));
        }
      });
    }
  });
});

testOfProcessor('any number of threads gives the same bits', (t) => {
  scope(() => {
    const { y, x, as, bs } = drawn('float32');
    const body = () => ({
      outputs: [ops.addLowRank_(ops.clone(y), x, as, bs, rows)],
      gradients: [],
    });
    const [one, ...others] = bytesByThreads([1, 2, 3], body);
    for (const other of others) t.deepEqual(other, one);
  });
});

test('rows and factors that do not fit are refused', (t) => {
  scope(() => {
    const [y, x] = [ops.zeros([4, 3]), ops.zeros([4, 8])];
    const [a, b] = [ops.zeros([2, 8]), ops.zeros([3, 2])];
    const refused = (message: RegExp, ...[as, bs, at]: [Tensor[], Tensor[], number[]]) =>
      t.throws(() => ops.addLowRank_(y, x, as, bs, at), { message });
    refused(/rows 3 and 2 behind it are not all of the 4 rows/, [a], [b], [3, 2]);
    refused(/each pair of factors must have two/, [a], [b], [3]);
    refused(/they must be \[r, 8\] and \[3, r\]/, [a], [ops.zeros([3, 1])], [0, 1]);
  });
});
