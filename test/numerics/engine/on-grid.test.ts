// Weights that are rounded to a grid where they are multiplied: products read the rounded matrix
// everywhere, gradients follow from its dense gradient by the formulas of the grid, and how a step
// is computed changes no bit.
import test from 'ava';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { stateTensors } from '../../../worker/checkpoint/state-tensors.ts';
import { freshState } from '../../../worker/checkpoint/trainer-state.ts';
import { generate } from '../../../worker/decoding/generate.ts';
import { hiddenStates } from '../../../worker/engine/forward.ts';
import { type Model, tensorName } from '../../../worker/engine/model.ts';
import { blocksOnGrid, codedRows, weightOnGrid } from '../../../worker/engine/on-grid.ts';
import { rowsOfBlocks } from '../../../worker/files/gguf-blocks.ts';
import { typeOfRows } from '../../../worker/files/gguf-types.ts';
import type { Adapter } from '../../../worker/methods/adapters/adapter.ts';
import { adapterOf } from '../../../worker/methods/adapters/index.ts';
import { lora } from '../../../worker/methods/adapters/lora.ts';
import {
  fittedGrid,
  learnedGrid,
  logScale,
} from '../../../worker/methods/weights/fake-quantized.ts';
import { ggufGrid } from '../../../worker/methods/weights/gguf-grid.ts';
import {
  fittedSteps,
  type IntegerGrid,
  onGrid,
} from '../../../worker/methods/weights/learned-step.ts';
import { memoryStatistics } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { fromBytes, type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { train } from '../../../worker/train/loop.ts';
import { aToyModel, countUp, Training, type TrainingOptions } from '../../builders/toy-training.ts';
import { aSequence, gradientsOf } from '../../builders/training.ts';
import { rowsOf } from '../../methods/adapter-trials.ts';

const sequences = [aSequence([countUp(0, 12)], 1), aSequence([countUp(3, 7)], 2)];
const batches = [sequences, [aSequence([countUp(5, 30)], 3)]];
const grid: IntegerGrid = { bits: 3, range: 'Asymmetric', groupSize: 8 };
const config = { hidden_size: 32, intermediate_size: 48 };

const anAdapter = (dtype: 'float32' | 'float64' = 'float32') =>
  lora({
    ...{ rank: 3, alpha: 6, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype },
  });

function hidden(model: Model): readonly number[] {
  return scope(() => toArray(hiddenStates(model, Int32Array.from(countUp(1, 9)))));
}

/** So that nothing is zero, and a part of the values is cut off. */
function move({ parameters }: Model): void {
  for (const { name, value, shape } of parameters.trained()) {
    const isScale = name.endsWith(logScale);
    scope(() => {
      const noise = normal(shape, isScale ? 0.1 : 0.05, streamOf(3n, name), 'float64');
      ops.add_(value, isScale ? ops.subScalar(noise, 0.6) : noise);
    });
  }
}

/** A model without a grid that has the rounded matrices as its weights. */
function asRounded(model: Model): Model {
  const plain = aToyModel({ dtype: model.dtype, config });
  scope(() => {
    for (const [name, layer] of nameAndLayer(model)) {
      ops.copy_(plain.parameters.value(name), weightOnGrid(model, layer));
    }
    for (const { name, value } of plain.parameters.all()) {
      if (!name.endsWith('_proj.weight')) ops.copy_(value, model.parameters.value(name));
    }
  });
  return plain;
}

function nameAndLayer({ onGrid: on }: Model) {
  if (on === null) throw new Error('no grid');
  return [...on.layers.values()].map((layer) => [`${layer.path}.weight`, layer] as const);
}

test('before the first step products read the weights rounded to the nearest', (t) => {
  const model = aToyModel({
    ...{ dtype: 'float64', config, grid: learnedGrid(grid, 1), adapter: anAdapter('float64') },
  });
  using _one = model.parameters;
  const plain = aToyModel({ dtype: 'float64', config });
  using _two = plain.parameters;
  scope(() => {
    for (const [name] of nameAndLayer(model)) {
      const weight = plain.parameters.value(name);
      ops.copy_(weight, onGrid(weight, fittedSteps(weight, grid), grid));
    }
  });
  t.deepEqual(hidden(model), hidden(plain));
  const fitted = aToyModel({ dtype: 'float64', config, grid: fittedGrid(grid) });
  using _three = fitted.parameters;
  t.deepEqual(hidden(fitted), hidden(plain));
  const options = { maxTokens: 6, temperature: 0, stop: new Set<number>(), draw: () => 0 };
  const prompt = countUp(1, 5);
  t.deepEqual(generate(model, prompt, options), generate(plain, prompt, options));
});

/** Gradients for the dense gradient `G` of the rounded matrix, by loops over the formulas. */
function byLoops(model: Model, path: string, G: Tensor) {
  const { range, groupSize = 0, bits } = grid;
  const [out = 0, inputs = 0] = G.shape;
  const groups = inputs / groupSize;
  const value = (suffix: string) => toArray(model.parameters.value(`${path}.${suffix}`));
  const delta = adapted(model, path);
  const dense = toArray(
    ops.add(model.parameters.value(`${path}.weight`), delta.change, { alpha: delta.scale }),
  );
  const [logs, zeros, g] = [value(logScale), value('weight_zero_point'), toArray(G)];
  const scales = toArray(
    ops.to(ops.to(ops.exp(tensor(logs, [logs.length], 'float64')), 'bfloat16'), 'float64'),
  );
  const high = 2 ** bits - 1;
  const kept = new Float64Array(out * inputs);
  const [ofLog, ofZero] = [new Float64Array(out * groups), new Float64Array(out * groups)];
  let cut = 0;
  for (let i = 0; i < out * inputs; i++) {
    const at = Math.floor(i / groupSize);
    const s = scales[at] ?? Number.NaN;
    const z = Math.min(high, Math.max(0, Math.round(zeros[at] ?? Number.NaN)));
    const v = (dense[i] ?? Number.NaN) / s + z;
    const upstream = g[i] ?? Number.NaN;
    const isInside = v >= 0 && v <= high;
    if (isInside) kept[i] = upstream;
    else cut += 1;
    const bound = v < 0 ? 0 : high;
    const ofScale = isInside ? Math.round(v) - v : bound - z;
    ofLog[at] = (ofLog[at] ?? 0) + upstream * ofScale * s;
    ofZero[at] = (ofZero[at] ?? 0) - (isInside ? 0 : upstream * s);
  }
  if (range === 'Symmetric') throw new Error('these loops are for zero points');
  const of = (values: Float64Array, shape: readonly number[]) => tensor(values, shape, 'float64');
  return {
    share: cut / (out * inputs),
    weight: of(kept, [out, inputs]),
    own: {
      [logScale]: of(ofLog, [out, groups]),
      weight_zero_point: of(ofZero, [out, groups]),
    },
  };
}

/** The change of an adapter as a dense matrix. */
function adapted(model: Model, path: string) {
  const { adapter } = model;
  const layer = model.adapted.get(path);
  if (adapter === null || layer === undefined) throw new Error(path);
  const value = (suffix: string) => model.parameters.value(tensorName(adapter, path, suffix));
  const delta = adapter.factors(layer, value, null);
  if (delta.form !== 'product') throw new Error('no product');
  return { change: ops.mm(delta.B, delta.A), scale: delta.scale };
}

function gapOf(found: readonly number[] | undefined, expected: Tensor): number {
  const wanted = toArray(expected);
  if (found?.length !== wanted.length) return Number.NaN;
  return Math.max(...wanted.map((x, i) => Math.abs(x - (found[i] ?? Number.NaN))));
}

/** Those whose change is a product, on weights that begin without gradients. */
const products = Object.entries(rowsOf('identities')).filter(
  ([, { method }]) =>
    !['PaCA', 'S2FT', 'SpIEL', 'LoRAGA', 'LoRASB'].includes(method.adapter?.type ?? ''),
);

for (const [name, each] of products) {
  test(`gradients follow from that of the rounded matrix, and then as beside it: ${name}`, (t) => {
    const adapter: Adapter | null = adapterOf(resolveMethod(each.method), 5n, 'float64');
    const options = { dtype: 'float64', config, adapter, grid: learnedGrid(grid, 1) } as const;
    const model = aToyModel(options);
    using _one = model.parameters;
    move(model);
    const found = gradientsOf(model, sequences);
    const dense = asRounded(model);
    using _two = dense.parameters;
    const whole = gradientsOf(dense, sequences);
    t.true(Math.abs(found.loss - whole.loss) < 1e-12);
    let [most, compared] = [0, 0];
    for (const { path, out, in: inputs } of model.adapted.values()) {
      scope(() => {
        const G = tensor(whole.gradients.get(`${path}.weight`) ?? [], [out, inputs], 'float64');
        const { share, weight, own } = byLoops(model, path, G);
        most = Math.max(most, share);
        const value = (suffix: string) =>
          model.parameters.value(tensorName(adapter as Adapter, path, suffix));
        for (const [suffix, wanted] of Object.entries({
          ...own,
          ...each.gradients(value, weight),
        })) {
          const gap = gapOf(found.gradients.get(`${path}.${suffix}`), wanted);
          t.true(gap < 1e-10, `${path}.${suffix}: ${gap}`);
          compared += 1;
        }
      });
    }
    t.true(most > 0.2, `${most} of the values are cut off`);
    t.true(compared > 2 * model.adapted.size);
  });
}

test('gradients of trained weights are those of the rounded ones, but for values that are cut off', (t) => {
  const model = aToyModel({ dtype: 'float64', config, grid: learnedGrid(grid, 1) });
  using _one = model.parameters;
  move(model);
  const found = gradientsOf(model, sequences);
  const dense = asRounded(model);
  using _two = dense.parameters;
  const whole = gradientsOf(dense, sequences);
  let cut = 0;
  for (const [name, values] of whole.gradients) {
    const ours = found.gradients.get(name);
    t.is(ours?.length, values.length, name);
    const isMatrix = name.endsWith('_proj.weight');
    for (const [i, x] of values.entries()) {
      const own = ours?.[i] ?? Number.NaN;
      if (isMatrix && own === 0 && x !== 0) cut += 1;
      else t.true(Math.abs(own - x) < 1e-12, name);
    }
  }
  t.true(cut > 100, `${cut} values are cut off`);
  t.is(found.gradients.size, model.parameters.trained().length);
});

test('with many bits and scales that stay it is LoRA', async (t) => {
  const options = { dtype: 'float64', config, adapter: anAdapter('float64'), batches } as const;
  const fine = learnedGrid({ bits: 40, range: 'Symmetric', groupSize: 8 }, 0);
  using plain = new Training(options);
  using rounded = new Training({ ...options, grid: fine });
  // Room for what grows: nothing is cut off.
  for (const { name, value } of rounded.model.parameters.trained()) {
    if (name.endsWith(logScale)) scope(() => ops.addScalar_(value, 2));
  }
  for (const each of [plain, rounded]) await train(each.parts, freshState);
  const [expected, found] = [plain, rounded].map((each) => each.ofType('step'));
  for (const [i, { loss }] of (expected ?? []).entries()) {
    t.true(Math.abs((found?.[i]?.loss ?? Number.NaN) - (loss ?? 0)) < 1e-7);
  }
});

async function trained(options: TrainingOptions) {
  using training = new Training({ ...{ batches, config, evaluation: sequences }, ...options });
  const { state } = await train(training.parts, freshState);
  const losses = training.ofType('step').map(({ loss }) => loss);
  const held = training.ofType('evaluation').map(({ loss }) => loss);
  return { state, bits: training.bits(), losses, held };
}

const cases: Readonly<Record<string, TrainingOptions>> = {
  'LoRA before rounding': { dtype: 'bfloat16', adapter: anAdapter(), grid: learnedGrid(grid, 0.5) },
  'all weights': { grid: learnedGrid({ bits: 4, range: 'Symmetric' }, 0.5) },
  'LoRA before blocks of 32': {
    ...{ dtype: 'bfloat16', adapter: anAdapter(), grid: ggufGrid('Q4_0') },
  },
  'all weights, fitted': { dtype: 'bfloat16', grid: fittedGrid(grid) },
};

for (const [name, options] of Object.entries(cases)) {
  test(`${name}: kept, recomputed and offloaded blocks train with the same bits, and learn`, async (t) => {
    const kept = await trained(options);
    const [first, last] = [kept.losses.at(0), kept.losses.at(-2)];
    t.true((last ?? 9) < (first ?? 0), `${first} to ${last}`);
    for (const mode of ['recompute', 'offload'] as const) {
      t.deepEqual(await trained({ ...options, mode }), kept);
    }
  });

  test(`${name}: a run that goes on from a checkpoint has the same bits`, async (t) => {
    const whole = await trained(options);
    const half = await trained({ ...options, plan: { totalSteps: 3 } });
    using resumed = new Training({ ...{ batches, config, evaluation: sequences }, ...options });
    resumed.states.follow(half.state.stepCounts, half.state.step - 1);
    for (const [each, { tensor: target }] of stateTensors(resumed.trained())) {
      const bytes = half.bits.get(each);
      if (bytes === undefined) throw new Error(`nothing was saved of ${each}`);
      scope(() => ops.copy_(target, fromBytes(bytes, target.shape, target.dtype)));
    }
    await train(resumed.parts, half.state);
    t.deepEqual(resumed.bits(), whole.bits);
  });
}

test('what is written of rows is what products read', async (t) => {
  for (const range of ['Asymmetric', 'Symmetric'] as const) {
    const options = { dtype: 'bfloat16', config, adapter: anAdapter() } as const;
    using training = new Training({
      ...options,
      grid: learnedGrid({ ...grid, range }, 1),
      batches,
    });
    await train(training.parts, freshState);
    const { model } = training;
    scope(() => {
      for (const [name, layer] of nameAndLayer(model)) {
        const { codes, scales, zeros } = codedRows(model, layer, [0, layer.out]);
        const groups = ops.view(codes, [layer.out, -1, 8]);
        const steps = zeros === null ? groups : ops.sub(groups, ops.unsqueeze(zeros, 2));
        // As the packages decode it, in bfloat16: integers and scales are exact in it.
        const [q, s] = [steps, ops.unsqueeze(scales, 2)].map((x) => ops.to(x, 'bfloat16'));
        if (q === undefined || s === undefined) throw new Error(name);
        const decoded = ops.view(ops.mul(q, s), [layer.out, layer.in]);
        t.deepEqual(toArray(decoded), toArray(weightOnGrid(model, layer)), name);
      }
    });
  }
});

test('the blocks that are written of a matrix decode to what products read', async (t) => {
  const wide = { hidden_size: 256, intermediate_size: 96, num_hidden_layers: 1 };
  for (const type of ['Q8_0', 'Q4_K'] as const) {
    const own = { config: wide, dtype: 'bfloat16', adapter: anAdapter() } as const;
    using training = new Training({ ...own, grid: ggufGrid(type), batches });
    await train(training.parts, freshState);
    const { model } = training;
    scope(() => {
      for (const [name, layer] of nameAndLayer(model)) {
        const shape = [layer.out, layer.in];
        const stored = typeOfRows(layer.in, type);
        const decoded = rowsOfBlocks(blocksOnGrid(model, layer), stored, shape);
        t.deepEqual(
          toArray(ops.to(decoded, 'bfloat16')),
          toArray(weightOnGrid(model, layer)),
          `${name} as ${stored}`,
        );
      }
    });
  }
});

test('a block has its rounded matrices while it is computed, and a step leaves none', async (t) => {
  using training = new Training({
    config,
    adapter: anAdapter(),
    grid: learnedGrid(grid, 1),
    batches,
  });
  await train(training.parts, freshState);
  const before = memoryStatistics().tensorBytes;
  hidden(training.model);
  t.is(memoryStatistics().tensorBytes, before);
});

test.serial('any number of threads gives the same bits', async (t) => {
  const all: Awaited<ReturnType<typeof trained>>[] = [];
  for (const threads of [1, 2]) {
    setThreads(threads);
    const wide = { hidden_size: 256, intermediate_size: 512, num_hidden_layers: 1 };
    for (const each of [learnedGrid(grid, 1), ggufGrid('Q4_K')]) {
      const options = { config: wide, adapter: anAdapter(), grid: each };
      all.push(await trained({ ...options, plan: { totalSteps: 3 } }));
    }
  }
  t.deepEqual(all.slice(2), all.slice(0, 2));
});
