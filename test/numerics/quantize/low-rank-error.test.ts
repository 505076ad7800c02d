// What quantizing lost, as a product of low rank: more ranks lose no more, all lose nothing, and
// weighted by inputs the outputs lose less at each rank.
import test from 'ava';
import { type FloatGrid, floatCodes, floatSteps } from '../../../worker/quantize/float-grid.ts';
import { lowRankError } from '../../../worker/quantize/low-rank-error.ts';
import { valuesOf } from '../../../worker/quantize/rounding-grid.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { item, type Tensor } from '../../../worker/tensor/tensor.ts';

const grid: FloatGrid = { format: 'e2m1', scales: 'BFloat16', groupSize: 64 };
const ranks = [1, 2, 8, 32, 128];

function draw(name: string, shape: readonly number[]): Tensor {
  return normal(shape, 1, streamOf(4, 'low-rank-error.test', name), 'float32');
}

/** Channels of a decoder differ: a few are large. */
function someInputs(name: string, inputs: number): Tensor {
  const x = draw(name, [500, inputs]);
  ops.mulScalar_(ops.narrow(x, 1, 5, 6), 25);
  return x;
}

for (const [out, inputs] of [
  [192, 128],
  [128, 192],
] as const) {
  test(`[${out}, ${inputs}]: errors fall with ranks, and weights by inputs serve outputs`, (t) => {
    scope(() => {
      const weight = draw(`w ${out}`, [out, inputs]);
      const steps = floatSteps(weight, grid);
      const error = ops.sub(weight, valuesOf(floatCodes(weight, steps, grid), steps, grid));
      const [seen, unseen] = [someInputs('seen', inputs), someInputs('unseen', inputs)];
      const squares = ops.meanDim(ops.square(seen), [0]);
      const normOf = (x: Tensor) => item(ops.linalgVectorNorm(x));
      const left = (rank: number, by: Tensor | null): Tensor => {
        const { A, B } = lowRankError(error, rank, by);
        t.deepEqual(
          [A.shape, B.shape],
          [
            [Math.min(rank, 128), inputs],
            [out, Math.min(rank, 128)],
          ],
        );
        return ops.sub(error, ops.mm(B, A));
      };
      let [before, weightedBefore] = [normOf(error), normOf(ops.mul(error, ops.sqrt(squares)))];
      for (const rank of ranks) {
        const [plain, weighted] = [left(rank, null), left(rank, squares)];
        const now = normOf(plain);
        const weightedNow = normOf(ops.mul(weighted, ops.sqrt(squares)));
        t.true(now < before, `${rank}`);
        t.true(weightedNow < weightedBefore, `${rank}`);
        [before, weightedBefore] = [now, weightedNow];
        if (rank === 128) continue;
        for (const x of [seen, unseen]) {
          const ratio = normOf(ops.linear(x, weighted)) / normOf(ops.linear(x, plain));
          t.true(ratio < (rank === 8 ? 0.85 : 1), `${rank} ${ratio}`);
        }
      }
      // All ranks leave what float32 rounds.
      t.true(before < 1e-5 * normOf(error), `${before}`);
      t.true(weightedBefore < 1e-5 * normOf(ops.mul(error, ops.sqrt(squares))));
    });
  });
}

test('an input that is always zero, and an error that is, leave numbers', (t) => {
  scope(() => {
    const squares = ops.square(draw('squares', [64]));
    ops.mulScalar_(ops.narrow(squares, 0, 3, 1), 0);
    const error = draw('error', [32, 64]);
    const { A, B } = lowRankError(error, 4, squares);
    t.true([A, B].every((each) => item(ops.all(ops.isfinite(each))) === 1));
    const none = lowRankError(ops.zerosLike(error), 4, squares);
    t.is(item(ops.amax(ops.abs(ops.mm(none.B, none.A)))), 0);
  });
});
