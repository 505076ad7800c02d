// Integers that stay while their scales train: they begin as rounding or as Int4 has them, their
// gradient is exact, and they have the same bits after training.
import test from 'ava';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import { hiddenStates } from '../../../../worker/engine/forward.ts';
import type { Model } from '../../../../worker/engine/model.ts';
import { codedRows, weightOnGrid } from '../../../../worker/engine/on-grid.ts';
import { logScale } from '../../../../worker/methods/weights/fake-quantized.ts';
import { int4 } from '../../../../worker/methods/weights/int4.ts';
import type { IntegerGrid } from '../../../../worker/methods/weights/learned-step.ts';
import { scalesOfIntegers } from '../../../../worker/methods/weights/scales-of-integers.ts';
import { denseCopy } from '../../../../worker/methods/weights/weight-store.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { train } from '../../../../worker/train/loop.ts';
import {
  aToyModel,
  countUp,
  Training,
  type TrainingOptions,
} from '../../../builders/toy-training.ts';
import { aSequence, gradientsOf } from '../../../builders/training.ts';

const sequences = [aSequence([countUp(0, 12)], 1), aSequence([countUp(3, 7)], 2)];
const config = { hidden_size: 64, intermediate_size: 96 };
const trains = () => false;

const three: IntegerGrid = { bits: 3, range: 'Symmetric', groupSize: 16 };
const four = { bits: 4, groupSize: 32 } as const;

const cases: Readonly<Record<string, TrainingOptions>> = {
  '3 bits of a dense base': { config, trains, grid: scalesOfIntegers(three, 1, false) },
  '4 bits that Int4 stores': {
    ...{ config, trains, store: int4({ groupSize: 32, range: 'Asymmetric' }) },
    grid: scalesOfIntegers({ ...four, range: 'Asymmetric' }, 1, true),
  },
  '4 bits that Int4 stores, symmetric': {
    ...{ config, trains, dtype: 'bfloat16', store: int4({ groupSize: 32, range: 'Symmetric' }) },
    grid: scalesOfIntegers({ ...four, range: 'Symmetric' }, 1, true),
  },
};

function layersOf({ onGrid }: Model) {
  return [...(onGrid?.layers.values() ?? [])];
}

/** All integers of a model. */
function codesOf(model: Model): readonly (readonly number[])[] {
  return scope(() =>
    layersOf(model).flatMap((layer) => {
      const { codes, zeros } = codedRows(model, layer, [0, layer.out]);
      return [toArray(codes), zeros === null ? [] : toArray(zeros)];
    }),
  );
}

for (const [name, options] of Object.entries(cases)) {
  test(`${name}: training lowers the loss, and moves scales and no integer`, async (t) => {
    using training = new Training({ ...options, batches: [sequences] });
    const { model } = training;
    const before = codesOf(model);
    const scales = () => scope(() => model.parameters.trained().map(({ value }) => toArray(value)));
    const first = scales();
    t.true(model.parameters.trained().every((each) => each.name.endsWith(logScale)));
    await train(training.parts, freshState);
    const losses = training.ofType('step').map(({ loss }) => loss ?? Number.NaN);
    t.true((losses.at(-1) ?? 9) < (losses[0] ?? 0), `${losses}`);
    t.deepEqual(codesOf(model), before);
    t.notDeepEqual(scales(), first);
  });
}

test('before the first step weights are those that Int4 stores', (t) => {
  for (const range of ['Asymmetric', 'Symmetric'] as const) {
    const model = aToyModel({
      ...{ config, trains, store: int4({ groupSize: 32, range }) },
      grid: scalesOfIntegers({ ...four, range }, 1, true),
    });
    using _parameters = model.parameters;
    scope(() => {
      for (const layer of layersOf(model)) {
        const stored = model.parameters.get(`${layer.path}.weight`).value;
        const expected = toArray(denseCopy(stored, 'float32'));
        t.deepEqual(toArray(weightOnGrid(model, layer)), expected, layer.path);
      }
    });
  }
});

test('the gradient of scales is that of differences', (t) => {
  // Scales that no value of bfloat16 is near would round: the model at differences has its own.
  const model = aToyModel({
    ...{ dtype: 'float64', config, trains, grid: scalesOfIntegers(three, 1, false) },
  });
  using _one = model.parameters;
  for (const { name, value } of model.parameters.trained()) {
    scope(() => ops.add_(value, normal(value.shape, 0.2, streamOf(3n, name), 'float64')));
  }
  const found = gradientsOf(model, sequences);
  const dense = aToyModel({ dtype: 'float64', config });
  using _two = dense.parameters;
  scope(() => {
    for (const layer of layersOf(model)) {
      ops.copy_(dense.parameters.value(`${layer.path}.weight`), weightOnGrid(model, layer));
    }
  });
  t.deepEqual(
    scope(() => toArray(hiddenStates(model, Int32Array.from(countUp(1, 9))))),
    scope(() => toArray(hiddenStates(dense, Int32Array.from(countUp(1, 9))))),
  );
  const lossAt = () => gradientsOf(dense, sequences).loss;
  for (const layer of layersOf(model).slice(0, 3)) {
    const weight = dense.parameters.value(`${layer.path}.weight`);
    const own = found.gradients.get(`${layer.path}.${logScale}`) ?? [];
    const groups = layer.in / 16;
    for (const at of [0, 7, own.length - 1]) {
      scope(() => {
        const whole = ops.clone(weight);
        const marks = own.map((_, i) => (i === at ? 1 : 0));
        const mark = ops.reshape(
          ops.expand(ops.unsqueeze(tensor(marks, [layer.out, groups], 'float64'), 2), [-1, -1, 16]),
          whole.shape,
        );
        // A relative change of one scale: weights are linear in it.
        const step = 1e-4;
        const moved = (by: number) => {
          ops.copy_(weight, ops.add(whole, ops.mul(whole, mark), { alpha: by }));
          return lossAt();
        };
        const difference = (moved(step) - moved(-step)) / (2 * step);
        ops.copy_(weight, whole);
        const gradient = own[at] ?? Number.NaN;
        t.true(Math.abs(difference - gradient) < 1e-7, `${difference} ${gradient}`);
      });
    }
  }
});
