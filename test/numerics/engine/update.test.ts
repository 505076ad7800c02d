// From gradients to parameters, with the plainest optimizer there is: w ← w - rate · factor · g, in
// float64.
import test from 'ava';
import type { Parameter } from '../../../worker/engine/parameters.ts';
import { type Clip, Updater } from '../../../worker/engine/update.ts';
import type { Optimizer, UpdateStep } from '../../../worker/methods/optimizers/optimizer.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';

const learningRate = 0.5;
const update = {
  learningRate,
  count: () => 3,
  stream: (name: string) => streamOf(1, 'update', name),
};

/** Moves by the scaled gradient, and remembers what it was told. */
class PlainDescent implements Optimizer {
  readonly name = 'PlainDescent';
  readonly steps: UpdateStep[] = [];

  initialize() {
    return {};
  }

  update: Optimizer['update'] = (value, gradient, _state, step) => {
    this.steps.push(step);
    ops.add_(value, gradient, { alpha: -step.learningRate * step.gradientScale });
  };
}

function aParameter(name: string, changes: Partial<Parameter> = {}): Parameter {
  return {
    ...{ name, layer: 0, value: tensor([0, 0], [2], 'float64'), shape: [2] },
    ...{ role: 'trained', learningRateFactor: 1, decayed: true },
    ...changes,
  };
}

/** Two blocks whose gradients have norms 5 and 12: together 13. */
function offerTwo(clip: Clip, spoil = 1) {
  const optimizer = new PlainDescent();
  const [first, second] = [aParameter('first'), aParameter('second', { learningRateFactor: 4 })];
  const step = new Updater(optimizer, new Map(), clip).begin(update);
  step.offer([{ parameter: second, value: tensor([0, 12], [2], 'float64') }]);
  const between = toArray(second.value);
  step.offer([{ parameter: first, value: tensor([3 * spoil, -4], [2], 'float64') }]);
  const before = toArray(first.value);
  const outcome = step.finish();
  const moved = { first: toArray(first.value), second: toArray(second.value) };
  return { outcome, moved, between, before, optimizer };
}

/** Of norms and factors: a root and a few products. */
const rounding = 8 * 2 ** -52;

function near(
  t: { true(actual: boolean, message?: string): void },
  actual: readonly number[],
  expected: readonly number[],
): void {
  for (const [i, value] of expected.entries()) {
    t.true(
      Math.abs((actual[i] ?? Number.NaN) - value) <= rounding * 12,
      `${actual} for ${expected}`,
    );
  }
}

test('Global scales all gradients by one factor, once the last has come', (t) => {
  scope(() => {
    const { outcome, moved, between, before } = offerTwo({ mode: 'Global', norm: 2.6 });
    t.deepEqual(
      [between, before],
      [
        [0, 0],
        [0, 0],
      ],
      'nothing moves before the factor is known',
    );
    near(t, [outcome.gradientNorm, outcome.clipFactor], [13, 0.2]);
    t.true(outcome.applied);
    near(t, moved.first, [-0.5 * 0.2 * 3, 0.5 * 0.2 * 4]);
    near(t, moved.second, [0, -4 * 0.5 * 0.2 * 12]);
  });
});

test('a norm within the bound is left as it is', (t) => {
  scope(() => {
    for (const mode of ['Global', 'Block'] as const) {
      const { outcome, moved } = offerTwo({ mode, norm: 13 });
      t.is(outcome.clipFactor, 1);
      near(t, moved.first, [-1.5, 2]);
    }
  });
});

test('Block scales each block by its own norm and moves it at once', (t) => {
  scope(() => {
    const { outcome, moved, between, before } = offerTwo({ mode: 'Block', norm: 6 });
    near(t, between, [0, -4 * 0.5 * 6]);
    near(t, before, [-1.5, 2]);
    near(t, moved.first, [-1.5, 2]);
    near(t, [outcome.gradientNorm, outcome.clipFactor], [13, 0.5]);
  });
});

test('None leaves gradients as they are, and still tells their norm', (t) => {
  scope(() => {
    const { outcome, moved } = offerTwo({ mode: 'None', norm: 0.001 });
    near(t, [outcome.gradientNorm, outcome.clipFactor], [13, 1]);
    near(t, moved.second, [0, -24]);
  });
});

for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
  test(`a gradient that is ${bad} leaves every parameter as it was under Global`, (t) => {
    scope(() => {
      const { outcome, moved, optimizer } = offerTwo({ mode: 'Global', norm: 1 }, bad);
      t.false(outcome.applied);
      t.false(Number.isFinite(outcome.gradientNorm));
      t.deepEqual(moved, { first: [0, 0], second: [0, 0] });
      t.is(optimizer.steps.length, 0);
    });
  });

  test(`under Block a gradient that is ${bad} leaves its own block out and is told`, (t) => {
    scope(() => {
      const { outcome, moved } = offerTwo({ mode: 'Block', norm: 6 }, bad);
      t.false(outcome.applied);
      t.deepEqual(moved.first, [0, 0]);
      near(t, moved.second, [0, -12]);
    });
  });
}

test('the optimizer is told the rate of the parameter, the count, the stream and the decay', (t) => {
  scope(() => {
    const optimizer = new PlainDescent();
    const norm = aParameter('norm', { decayed: false, learningRateFactor: 16 });
    const step = new Updater(optimizer, new Map(), { mode: 'None', norm: 1 }).begin(update);
    step.offer([{ parameter: norm, value: tensor([1, 1], [2], 'float64') }]);
    step.finish();
    t.deepEqual(optimizer.steps, [
      {
        ...{ learningRate: 8, count: 3, gradientScale: 1, decayed: false },
        stream: streamOf(1, 'update', 'norm'),
      },
    ]);
  });
});

test('a step without gradients is a step of norm 0', (t) => {
  const step = new Updater(new PlainDescent(), new Map(), { mode: 'Global', norm: 1 }).begin(
    update,
  );
  step.offer([]);
  t.deepEqual(step.finish(), {
    gradientNorm: 0,
    clipFactor: 1,
    applied: true,
    scores: [],
    sums: [],
  });
});

test('gradients are freed when they have been used, and when they are not', (t) => {
  for (const mode of ['Global', 'Block', 'None'] as const) {
    for (const spoil of [1, Number.NaN]) {
      const before = liveHandles();
      const parameter = aParameter('one');
      const step = new Updater(new PlainDescent(), new Map(), { mode, norm: 1 }).begin(update);
      step.offer([{ parameter, value: tensor([spoil, 1], [2], 'float64') }]);
      step.finish();
      parameter.value.dispose();
      t.is(liveHandles(), before, `${mode} ${spoil}`);
    }
  }
});

test('the norm of bfloat16 gradients is right to the rounding of one number', (t) => {
  scope(() => {
    const step = new Updater(new PlainDescent(), new Map(), { mode: 'Global', norm: 1e9 });
    const began = step.begin(update);
    const size = 10_000;
    const value = ops.full([size], 1, { dtype: 'bfloat16' });
    const parameter = aParameter('wide', { value: ops.zeros([size], { dtype: 'bfloat16' }) });
    began.offer([{ parameter, value }]);
    const { gradientNorm } = began.finish();
    t.true(Math.abs(gradientNorm - 100) <= 100 * 2 ** -8, `${gradientNorm}`);
  });
});

/** Halves of gradients are what it sees of the first parameter; of others all. */
class HalfDescent extends PlainDescent {
  readonly projection: NonNullable<Optimizer['projection']> = {
    projector: () => null,
    change: () => null,
    project: (gradient, state) => {
      return state['half'] === undefined ? null : ops.mulScalar(gradient, 0.5);
    },
  };
}

function offerHalf(clip: Clip) {
  const optimizer = new HalfDescent();
  const [first, second] = [aParameter('first'), aParameter('second')];
  const states = new Map([['first', { half: tensor([0], [1], 'float64') }]]);
  const step = new Updater(optimizer, states, clip).begin(update);
  step.offer([
    { parameter: first, value: tensor([6, 8], [2], 'float64') },
    { parameter: second, value: tensor([0, 12], [2], 'float64') },
  ]);
  return { outcome: step.finish(), optimizer, first };
}

test('norms and factors are of what the optimizer sees of a gradient, and it is told which it gets', (t) => {
  scope(() => {
    for (const mode of ['Global', 'Block', 'None'] as const) {
      const { outcome, optimizer, first } = offerHalf({ mode, norm: 13 });
      near(t, [outcome.gradientNorm, outcome.clipFactor], [13, 1]);
      near(t, toArray(first.value), [-1.5, -2]);
      const told = optimizer.steps.map(({ projectedIn }) => projectedIn);
      t.deepEqual(told, ['float64', undefined]);
    }
  });
});
