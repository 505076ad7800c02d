// Noise on weights: its size against plain sums, where it is and where it is not, that nothing but
// its sizes depends on gradients, and that how a step is computed changes no bit.
import test from 'ava';
import { stateTensors } from '../../../../worker/checkpoint/state-tensors.ts';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import { generate } from '../../../../worker/decoding/generate.ts';
import { hiddenStates } from '../../../../worker/engine/forward.ts';
import type { Model } from '../../../../worker/engine/model.ts';
import type { Gradient } from '../../../../worker/engine/update.ts';
import { WeightNoise } from '../../../../worker/engine/weight-noise.ts';
import { withLayer } from '../../../../worker/engine/weights.ts';
import { alone } from '../../../../worker/engine/world.ts';
import { factorA, factorB } from '../../../../worker/methods/adapters/adapter.ts';
import { lora } from '../../../../worker/methods/adapters/lora.ts';
import { changeRows, gradientRows, noiseScales } from '../../../../worker/methods/rules/ggpo.ts';
import { nf4 } from '../../../../worker/methods/weights/nf4.ts';
import { denseCopy } from '../../../../worker/methods/weights/weight-store.ts';
import { memoryStatistics } from '../../../../worker/tensor/memory.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { fromBytes, type Tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../../worker/tensor/threads.ts';
import { train } from '../../../../worker/train/loop.ts';
import {
  aToyModel,
  countUp,
  Training,
  type TrainingOptions,
} from '../../../builders/toy-training.ts';
import { aSequence, gradientsOf } from '../../../builders/training.ts';

const some = { sigma: 0.05, beta: 0.2 };
const sequences = [aSequence([countUp(0, 12)], 1), aSequence([countUp(3, 7)], 2)];

const batches = [sequences, [aSequence([countUp(5, 30)], 3)]];

type LoraSettings = Parameters<typeof lora>[0];
const anAdapter = (dtype: 'float32' | 'float64' = 'float32', more: Partial<LoraSettings> = {}) =>
  lora({
    ...{ rank: 3, alpha: 6, dropout: 0.1, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype },
    ...more,
  });

const draw = (name: string, shape: readonly number[]): Tensor =>
  normal(shape, 1, streamOf(3, 'ggpo.test', name), 'float64');

/** Squared norms of rows, by plain sums. */
function squaresOf(matrix: Tensor): readonly number[] {
  return scope(() =>
    ops.unbind(matrix, 0).map((row) => toArray(row).reduce((sum, x) => sum + x * x, 0)),
  );
}

/** So that there is a change, and rows differ. */
function move({ parameters }: Pick<Model, 'parameters'>): void {
  for (const { name, value } of parameters.trained()) {
    scope(() => ops.add_(value, normal(value.shape, 0.3, streamOf(2n, name), 'float32')));
  }
}

test('rows of the change and of the gradient are those of the dense matrices', (t) => {
  scope(() => {
    const [A, dA] = [draw('A', [3, 9]), draw('dA', [3, 9])];
    const [B, dB] = [draw('B', [7, 3]), draw('dB', [7, 3])];
    const factors = { A, B, scale: 1.5 };
    const close = (found: Tensor, dense: Tensor) => {
      const expected = squaresOf(ops.mulScalar(dense, 1.5));
      toArray(found).forEach((value, i) => {
        t.true(Math.abs(value - (expected[i] ?? Number.NaN)) < 1e-12 * (expected[i] ?? 0));
      });
    };
    close(changeRows(factors), ops.mm(B, A));
    close(gradientRows(factors, dA, dB), ops.add(ops.mm(dB, A), ops.mm(B, dA)));
    // Of a beginning with B = 0 only dB moves the weight; and a zero stays one.
    const zero = { A, B: ops.zerosLike(B), scale: 1.5 };
    close(gradientRows(zero, dA, dB), ops.mm(dB, A));
    t.deepEqual(toArray(changeRows(zero)), new Array(7).fill(0));
  });
});

test('sizes of noise are those of the formula', (t) => {
  scope(() => {
    const W = draw('W', [7, 9]);
    const [changes, gradients] = [ops.abs(draw('c', [7])), ops.abs(draw('g', [7]))];
    const found = noiseScales(W, changes, gradients, some);
    t.deepEqual(found.shape, [7, 1]);
    const [c, g] = [toArray(changes), toArray(gradients)];
    const squares = squaresOf(W);
    toArray(found).forEach((value, i) => {
      const ofWeights = some.sigma * Math.sqrt((squares[i] ?? 0) + (c[i] ?? 0));
      const expected = (ofWeights + some.beta * (g[i] ?? 0)) / Math.sqrt(7);
      t.true(Math.abs(value - expected) < 1e-14 * 100);
    });
  });
});

test('noise has mean 0, the variance of the formula by row, and is another in each step and layer', (t) => {
  const targets = (path: string) => path.endsWith('k_proj');
  const model = aToyModel({
    ...{ dtype: 'float64', config: { hidden_size: 256, num_hidden_layers: 2 } },
    adapter: anAdapter('float64', { targets }),
  });
  using _parameters = model.parameters;
  move(model);
  using noise = new WeightNoise(model, some, 1n, alone);
  const layers = [...model.adapted.values()];
  const [first] = layers;
  if (first === undefined || layers.length !== 2) throw new Error('two layers have an adapter');
  const gradients = noise.common.get(`${first.path}.weight#gradient`);
  if (gradients === undefined) throw new Error('no state');
  scope(() => ops.copy_(gradients, ops.square(draw('rows', [first.out]))));
  const W = model.parameters.value(`${first.path}.weight`);
  const value = (suffix: string) => model.parameters.value(`${first.path}.${suffix}`);
  const steps = 400;
  scope(() => {
    const factors = { A: value(factorA), B: value(factorB), scale: 2 };
    const variances = toArray(ops.square(noiseScales(W, changeRows(factors), gradients, some)));
    const [sums, squares] = [0, 0].map(() => new Array<number>(first.out).fill(0));
    const seen = new Set<number>();
    for (let step = 0; step < steps; step += 1) {
      noise.during(step, () => {
        for (const { layer, path } of layers) {
          withLayer(model, layer, null, () => {
            scope(() => {
              const name = `${path}.weight`;
              const changed = model.parameters.changed(name);
              if (changed === null) throw new Error(`${name} has no noise`);
              const all = ops.sub(changed, model.parameters.value(name));
              seen.add(toArray(ops.narrow(ops.view(all, [-1]), 0, 0, 1))[0] ?? 0);
              if (path !== first.path) return;
              toArray(ops.sumDim(all, [1])).forEach((x, i) => {
                sums![i] = (sums![i] ?? 0) + x;
              });
              squaresOf(all).forEach((x, i) => {
                squares![i] = (squares![i] ?? 0) + x;
              });
            });
          });
        }
        return { applied: false };
      });
    }
    t.is(seen.size, 2 * steps);
    const count = steps * first.in;
    for (const [i, variance] of variances.entries()) {
      const mean = (sums![i] ?? Number.NaN) / count;
      // Five deviations of a mean of that many; of a variance, 3 % are more than six.
      t.true(Math.abs(mean) < 5 * Math.sqrt(variance / count), `row ${i}: mean ${mean}`);
      const ratio = (squares![i] ?? Number.NaN) / count / variance;
      t.true(Math.abs(ratio - 1) < 0.03, `row ${i}: ${ratio}`);
    }
  });
});

test('gradients are those of a model whose weights are the copies', (t) => {
  const adapter = anAdapter('float64');
  const model = aToyModel({ dtype: 'float64', adapter });
  using _one = model.parameters;
  const copied = aToyModel({ dtype: 'float64', adapter });
  using _two = copied.parameters;
  for (const each of [model, copied]) move(each);
  using noise = new WeightNoise(model, some, 1n, alone);
  const { facts } = noise.during(3, () => {
    for (const { layer, path } of model.adapted.values()) {
      withLayer(model, layer, null, () => {
        const changed = model.parameters.changed(`${path}.weight`);
        if (changed === null) throw new Error(path);
        scope(() => ops.copy_(copied.parameters.value(`${path}.weight`), changed));
      });
    }
    return { applied: true, facts: gradientsOf(model, sequences) };
  });
  const expected = gradientsOf(copied, sequences);
  t.deepEqual(facts, expected);
  t.notDeepEqual(gradientsOf(model, sequences).loss, expected.loss);
});

async function trained(options: TrainingOptions) {
  using training = new Training({
    ...{ batches, evaluation: sequences },
    ...options,
  });
  const { state } = await train(training.parts, freshState);
  const losses = training.ofType('step').map(({ loss }) => loss);
  const held = training.ofType('evaluation').map(({ loss }) => loss);
  return { state, bits: training.bits(), losses, held };
}

test('sizes of zero change no bit of a training', async (t) => {
  for (const dtype of ['float32', 'bfloat16'] as const) {
    const options = { dtype, adapter: anAdapter() };
    const plain = await trained(options);
    const zero = await trained({ ...options, noise: { sigma: 0, beta: 0 } });
    const common = [...zero.bits].filter(([name]) => plain.bits.has(name));
    t.deepEqual(new Map(common), plain.bits);
    t.deepEqual([zero.losses, zero.held], [plain.losses, plain.held]);
    const noisy = await trained({ ...options, noise: some });
    t.notDeepEqual(noisy.losses[0], plain.losses[0]);
    // The second step is the first whose noise follows gradients.
    const blind = await trained({ ...options, noise: { ...some, beta: 0 } });
    t.is(blind.losses[0], noisy.losses[0]);
    t.not(blind.losses[1], noisy.losses[1]);
  }
});

test('evaluation, states and text after training are those of the adapter without noise', async (t) => {
  const adapter = anAdapter();
  using training = new Training({ adapter, noise: some, evaluation: sequences });
  const { state } = await train(training.parts, freshState);
  t.is(state.step, 6);
  using plain = new Training({ adapter, evaluation: sequences, plan: { totalSteps: 0 } });
  for (const { name, value } of plain.model.parameters.trained()) {
    scope(() => ops.copy_(value, training.model.parameters.value(name)));
  }
  await train(plain.parts, freshState);
  const [loss, expected] = [training, plain].map(
    (each) => each.ofType('evaluation').at(-1)?.loss ?? Number.NaN,
  );
  t.true(Number.isFinite(loss));
  t.is(loss, expected);
  const ids = Int32Array.from(countUp(2, 9));
  const [ours, theirs] = scope(() =>
    [training.model, plain.model].map((model) => toArray(hiddenStates(model, ids))),
  );
  t.deepEqual(ours, theirs);
  const options = { maxTokens: 6, temperature: 0, stop: new Set<number>(), draw: () => 0 };
  const prompt = countUp(1, 5);
  t.deepEqual(generate(training.model, prompt, options), generate(plain.model, prompt, options));
});

const groups = { hidden_size: 64, intermediate_size: 96 };
const store = nf4({ blockSize: 32, scales: 'Float32' });
const bases: Readonly<Record<string, TrainingOptions>> = {
  'all layers of a dense base': { adapter: anAdapter() },
  'all layers of a dense base, in bfloat16': { dtype: 'bfloat16', adapter: anAdapter() },
  // One operator multiplies with copies and with codes.
  'some layers of a base in NF4': {
    ...{ store, config: groups, dtype: 'bfloat16' },
    adapter: anAdapter('float32', {
      dropout: 0,
      targets: (path) => path.endsWith('v_proj') || path.endsWith('up_proj'),
    }),
  },
};

for (const [name, options] of Object.entries(bases)) {
  test(`kept, recomputed and offloaded blocks train with the same bits: ${name}`, async (t) => {
    const kept = await trained({ ...options, noise: some });
    t.true(kept.losses.every((loss) => Number.isFinite(loss)));
    for (const mode of ['recompute', 'offload'] as const) {
      t.deepEqual(await trained({ ...options, noise: some, mode }), kept);
    }
  });
}

test('without noise a copy of a base in NF4 has its dequantized values', (t) => {
  const model = aToyModel({ adapter: anAdapter(), store, config: groups });
  using _parameters = model.parameters;
  using noise = new WeightNoise(model, { sigma: 0, beta: 1 }, 1n, alone);
  // The first step has no gradients yet.
  noise.during(0, () => {
    for (const { layer, path } of model.adapted.values()) {
      withLayer(model, layer, null, () => {
        scope(() => {
          const changed = model.parameters.changed(`${path}.weight`);
          if (changed === null) throw new Error(path);
          const { value } = model.parameters.get(`${path}.weight`);
          t.deepEqual(toArray(changed), toArray(denseCopy(value, 'float32')), path);
        });
      });
    }
    return { applied: true };
  });
});

test('a run that goes on from a checkpoint has the same bits', async (t) => {
  const options = { adapter: anAdapter(), noise: some };
  const whole = await trained(options);
  const half = await trained({ ...options, plan: { totalSteps: 3 } });
  using resumed = new Training({
    ...{ ...options, batches, evaluation: sequences },
  });
  resumed.states.follow(half.state.stepCounts, half.state.step - 1);
  for (const [name, { tensor: target }] of stateTensors(resumed.trained())) {
    const bytes = half.bits.get(name);
    if (bytes === undefined) throw new Error(`nothing was saved of ${name}`);
    scope(() => ops.copy_(target, fromBytes(bytes, target.shape, target.dtype)));
  }
  await train(resumed.parts, half.state);
  t.deepEqual(resumed.bits(), whole.bits);
  t.true([...whole.bits.keys()].some((name) => name.endsWith('#gradient')));
});

test('gradients of a step that is not applied are forgotten', (t) => {
  const model = aToyModel({ adapter: anAdapter() });
  using _parameters = model.parameters;
  using noise = new WeightNoise(model, some, 1n, alone);
  const rows = () => scope(() => [...noise.common.values()].map((value) => toArray(value)));
  const none = rows();
  const stepOf = (applied: boolean) =>
    noise.during(0, (seen) => {
      scope(() => {
        const all: readonly Gradient[] = model.parameters
          .trained()
          .map((parameter) => ({ parameter, value: ops.fullLike(parameter.value, 0.5) }));
        seen(all);
      });
      return { applied };
    });
  stepOf(false);
  t.deepEqual(rows(), none);
  stepOf(true);
  t.true(rows().every((values) => values.every((value) => value > 0)));
});

test('copies take memory while their block is computed, and none after a step', (t) => {
  const model = aToyModel({ adapter: anAdapter(), config: groups });
  using _parameters = model.parameters;
  using noise = new WeightNoise(model, some, 1n, alone);
  const own = [...model.adapted.values()].filter(({ layer }) => layer === 0);
  const bytes = own.reduce((sum, { out, in: inputs }) => sum + 4 * out * inputs, 0);
  const inBlock = () =>
    noise.during(0, () => ({
      applied: true,
      more: withLayer(model, 0, null, () => memoryStatistics().tensorBytes),
    })).more;
  inBlock();
  const before = memoryStatistics().tensorBytes;
  const more = inBlock() - before;
  // The heap rounds each of them up.
  t.true(more >= bytes && more < bytes + own.length * 256, `${more} bytes for ${bytes}`);
  t.is(memoryStatistics().tensorBytes, before);
  withLayer(model, 0, null, () => t.is(memoryStatistics().tensorBytes, before));
});

test.serial('any number of threads gives the same bits', async (t) => {
  const all: Awaited<ReturnType<typeof trained>>[] = [];
  for (const threads of [1, 2]) {
    setThreads(threads);
    const config = { hidden_size: 256, intermediate_size: 512, num_hidden_layers: 1 };
    const options = { config, adapter: anAdapter('float32', { rank: 32, alpha: 32 }) };
    all.push(await trained({ ...options, noise: some, plan: { totalSteps: 3 } }));
  }
  t.deepEqual(all[1], all[0]);
});
