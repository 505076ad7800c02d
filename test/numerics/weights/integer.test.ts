// Integers that are made with inputs, in the form in which products read them.
import test from 'ava';
import { storedIntegers } from '../../../worker/methods/weights/integer.ts';
import type { IntegerGrid } from '../../../worker/methods/weights/learned-step.ts';
import {
  codedValues,
  quantizeMatrix,
  type RoundingSettings,
} from '../../../worker/quantize/quantize-matrix.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { aToyRun } from '../../builders/toy-run.ts';
import { distance, draw } from '../kernels/compare.ts';

const matrixBytes = (bits: number) => (64 * 96 * bits) / 8;

for (const bits of [2, 3, 4] as const) {
  for (const range of ['Asymmetric', 'Symmetric'] as const) {
    test(`${bits} bits, ${range}: what is stored stands for the integers that were made`, (t) => {
      scope(() => {
        const grid: IntegerGrid = { bits, range, groupSize: 32 };
        const x = draw('x', [300, 96], 'float32');
        const gram = ops.linear(ops.contiguous(ops.t(x)), ops.contiguous(ops.t(x)));
        const settings: RoundingSettings = {
          ...{ grid, steps: 'ClipSearch', rounding: 'GPTQ', refits: 1 },
        };
        const made = quantizeMatrix(draw('w', [64, 96], 'float32'), gram, settings);
        const { scale: scales, zero: zeros } = made.steps;
        const codes = ops.to(made.codes, 'float32');
        const stored = storedIntegers({ codes, scales, zeros }, { bits, groupSize: 32 });
        const values = ops.dequantizeWeight(stored, { dtype: 'float32' });
        t.is(distance(values, codedValues(made, grid)), 0);
        t.is(stored.numel, 128 + matrixBytes(bits) + 2 * 64 * 3 + 64 * 3);
      });
    });
  }
}

test.serial(
  'integers made with inputs begin nearer to the base than nearest ones, and training goes on from there',
  async (t) => {
    const curves: number[][] = [];
    for (const calibrationSequences of [0, 8]) {
      const base = { type: 'Integer', integer: { groupSize: 32, calibrationSequences } };
      const run = await aToyRun(t, {
        ...{
          name: 'integers',
          method: { preset: 'INT21', base },
          formats: ['PEFTAdapter', 'CompressedTensors'],
        },
        // A random base: its own text says nothing of harm.
        evaluation: { profile: 'Disabled' },
        training: { maxSteps: 6, learningRate: '1e-3', distillation: { weight: '1', topK: 16 } },
      });
      const { artifacts } = await run.all();
      t.deepEqual(
        artifacts.map(({ reload }) => reload?.largestLogitGap),
        [0, 0],
      );
      // What is minimized.
      curves.push(
        run.messages.flatMap((one) => (one.type === 'step' ? [one.divergence ?? Number.NaN] : [])),
      );
    }
    const [nearest = [], made = []] = curves;
    t.log(nearest, made);
    t.is(made.length, 6);
    t.true((made[0] ?? 1) < (nearest[0] ?? 0));
    t.true((made.at(-1) ?? 1) < (made[0] ?? 0));
  },
);
