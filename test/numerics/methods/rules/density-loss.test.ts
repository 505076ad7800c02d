// The density loss: its gradient against differences of what it adds up, alone and through a model;
// what it counts; and that a weight of zero changes no bit.
import test from 'ava';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import { standardLora } from '../../../../worker/methods/adapters/standard-lora.ts';
import { densityGradients, densityOf } from '../../../../worker/methods/rules/density-loss.ts';
import { lisa } from '../../../../worker/methods/selection/lisa.ts';
import type { GatedHalves } from '../../../../worker/nn/inside.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { train } from '../../../../worker/train/loop.ts';
import { aToyModel, countUp, Training } from '../../../builders/toy-training.ts';
import { aModel, aSequence, gradientsOf } from '../../../builders/training.ts';
import { golden } from '../../../toy/golden.ts';

const draw = (name: string, shape: readonly number[]): Tensor =>
  normal(shape, 1, streamOf(3, 'density.test', name), 'float64');

function sumsOf(halves: GatedHalves, epsilon: number): readonly [number, number] {
  const [term = Number.NaN, inUse = Number.NaN] = toArray(densityOf(halves, epsilon));
  return [term, inUse];
}

test('gradients at gate and up are those of the term, for each activation', (t) => {
  const shape = [5, 7];
  const epsilon = 0.05;
  const step = 1e-6;
  scope(() => {
    const [gate, up] = [draw('gate', shape), draw('up', shape)];
    for (const activation of [0, 1, 2]) {
      const [dGate, dUp] = densityGradients({ gate, up, activation }, { epsilon, coefficient: 3 });
      for (const [which, found] of [
        ['gate', dGate],
        ['up', dUp],
      ] as const) {
        const values = toArray(which === 'gate' ? gate : up);
        toArray(found).forEach((derivative, i) => {
          const at = (change: number) => {
            const moved = tensor(
              values.map((value, j) => (i === j ? value + change : value)),
              shape,
              'float64',
            );
            const halves = which === 'gate' ? { gate: moved, up } : { gate, up: moved };
            return sumsOf({ ...halves, activation }, epsilon)[0];
          };
          const expected = (3 * (at(step) - at(-step))) / (2 * step);
          t.true(Math.abs(derivative - expected) < 1e-7 * Math.max(1, Math.abs(expected)), which);
        });
      }
    }
  });
});

test('the term becomes the number of values that are not zero, and density leaves out tiny ones', (t) => {
  scope(() => {
    const gate = draw('gate', [40, 50]);
    const up = ops.mul(
      draw('up', [40, 50]),
      ops.to(ops.gtScalar(draw('which', [40, 50]), 0), 'float64'),
    );
    const halves = { gate, up, activation: 0 };
    const h = toArray(ops.swiglu(gate, up, 0));
    const some = h.filter((value) => value !== 0).length;
    t.true(some > 0 && some < h.length);
    t.true(Math.abs(sumsOf(halves, 1e-30)[0] - some) < 1e-6 * some);
    t.true(sumsOf(halves, 1)[0] < some / 2);
    const mean = Math.sqrt(h.reduce((sum, value) => sum + value * value, 0) / h.length);
    const large = h.filter((value) => Math.abs(value) > 0.01 * mean).length;
    t.is(sumsOf(halves, 1)[1], large);
    t.true(large < some);
  });
});

test('values are taken some at a time, and all of them count', (t) => {
  scope(() => {
    const [gate, up] = [draw('gate', [300, 1500]), draw('up', [300, 1500])];
    const whole = sumsOf({ gate, up, activation: 0 }, 0.1);
    const parts = [0, 1, 2].map((i) => {
      const some = (of: Tensor) => ops.narrow(of, 0, 100 * i, 100);
      return sumsOf({ gate: some(gate), up: some(up), activation: 0 }, 0.1)[0];
    });
    const sum = parts.reduce((all, part) => all + part, 0);
    t.true(Math.abs(whole[0] - sum) < 1e-9 * sum);
  });
});

const sequences = [aSequence([countUp(0, 12)], 0), aSequence([countUp(3, 9), countUp(8, 6)], 1)];
const term = { epsilon: 1e-3, coefficient: 0.002 };

test('the gradient of a model is that of both losses together', (t) => {
  const each = golden.cases.find(({ name }) => name === 'gemma2') ?? golden.cases[0]!;
  const model = aModel(each);
  using parameters = model.parameters;
  const { gradients } = gradientsOf(model, sequences, 'keep', { density: term });
  const both = () => {
    const { loss, density } = gradientsOf(model, sequences, 'keep', { density: term });
    return loss + term.coefficient * (density?.term ?? Number.NaN);
  };
  const step = 1e-6;
  const names = ['model.layers.0.mlp.up_proj.weight', 'model.layers.0.self_attn.v_proj.weight'];
  for (const name of [...names, 'model.layers.1.mlp.gate_proj.weight', 'model.norm.weight']) {
    const value = parameters.value(name);
    const place = Math.floor(value.numel / 3);
    const at = (change: number) => {
      scope(() => ops.addScalar_(ops.narrow(ops.view(value, [value.numel]), 0, place, 1), change));
      return both();
    };
    const [above, below] = [at(step), at(-2 * step)];
    at(step);
    const expected = (above - below) / (2 * step);
    const found = gradients.get(name)?.[place] ?? Number.NaN;
    t.true(
      Math.abs(found - expected) < 1e-6 * Math.max(1, Math.abs(expected)),
      `${name}: ${found}`,
    );
  }
});

test('recomputed and offloaded blocks have the same gradients, and count once', (t) => {
  const model = aModel(golden.cases[0]!);
  using _parameters = model.parameters;
  const kept = gradientsOf(model, sequences, 'keep', { density: term });
  t.true((kept.density?.term ?? 0) > 0);
  for (const mode of ['recompute', 'offload'] as const) {
    const other = gradientsOf(model, sequences, mode, { density: term });
    t.deepEqual(other.gradients, kept.gradients);
    t.deepEqual(other.density, kept.density);
  }
  // Two micro-batches say what one of each says.
  const parts = sequences.map(
    (one) => gradientsOf(model, [one], 'keep', { density: term }).density,
  );
  const sum = parts.reduce((all, part) => all + (part?.term ?? Number.NaN), 0);
  t.true(Math.abs(sum - (kept.density?.term ?? 0)) < 1e-9 * sum);
});

const settings: Parameters<typeof standardLora>[0] = {
  ...{ rank: 4, alpha: 8, dropout: 0, seed: 1n },
  dtype: 'float32',
  targets: () => true,
};

async function trained(options: ConstructorParameters<typeof Training>[0]) {
  using training = new Training({ plan: { totalSteps: 12 }, ...options });
  await train(training.parts, freshState);
  const steps = training.ofType('step');
  return { bits: training.bits(), steps };
}

test('a weight of zero changes no bit; one above lowers the density, which each step reports', async (t) => {
  const batches = [[aSequence([countUp(0, 12)], 0), aSequence([countUp(5, 30)], 1)]];
  const options = { adapter: standardLora(settings), batches };
  const plain = await trained(options);
  const zero = await trained({ ...options, parts: { density: { weight: 0, epsilon: 1e-3 } } });
  t.deepEqual(zero.bits, plain.bits);
  t.is(plain.steps[0]?.density, undefined);
  const pulled = await trained({ ...options, parts: { density: { weight: 5, epsilon: 1e-3 } } });
  const [first, last] = [pulled.steps.at(0), pulled.steps.at(-1)];
  // Before the first update both are the same model, whose loss is that of the task alone.
  t.is(first?.loss, plain.steps[0]?.loss);
  t.deepEqual(first?.density, zero.steps[0]?.density);
  t.true((last?.density?.loss ?? 1) < (first?.density?.loss ?? 0), `${last?.density?.loss}`);
  t.true((last?.density?.loss ?? 1) < (zero.steps.at(-1)?.density?.loss ?? 0));
  t.regex(last?.method ?? '', /density 0\.\d+, density loss 0\.\d+/);
});

test('blocks that no backward passes are in the mean', async (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  const values = 12 * model.config.L * model.config.I;
  const all =
    gradientsOf(model, [aSequence([countUp(0, 12)])], 'keep', { density: term }).density?.term ?? 0;
  const draws = { activeLayers: 1, intervalSteps: 1, state: 'Drop', sampling: 'Uniform' } as const;
  const top = await trained({
    plan: { totalSteps: 4 },
    trains: ({ place }) => typeof place === 'number',
    selection: (parameters) => lisa({ ...draws, weights: [], seed: 3n }, parameters),
    parts: { density: { weight: 1, epsilon: term.epsilon } },
  });
  const first = top.steps[0]?.density?.loss ?? Number.NaN;
  t.true(Math.abs(first * values - all) < 1e-5 * all, `${first * values} of ${all}`);
});
