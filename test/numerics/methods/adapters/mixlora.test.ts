// MixLoRA: one expert is plain LoRA, rows sorted by expert compute what all experts together do,
// gradients are those of the loss and its balance, and nothing depends on threads or recomputation.

import test from 'ava';
import { adapterShape } from '../../../../crds/methods/adapter-traits.ts';
import { resolveMethod } from '../../../../crds/methods/resolve.ts';
import { trainedOf } from '../../../../crds/plan/parameters.ts';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import { decoderConfig } from '../../../../worker/decoder/config.ts';
import { headName } from '../../../../worker/decoder/names.ts';
import { generate } from '../../../../worker/decoding/generate.ts';
import { hiddenStates } from '../../../../worker/engine/forward.ts';
import { type Model, tensorsOf } from '../../../../worker/engine/model.ts';
import { balanceLoss } from '../../../../worker/methods/adapters/balance.ts';
import { adapterOf } from '../../../../worker/methods/adapters/index.ts';
import { int4 } from '../../../../worker/methods/weights/int4.ts';
import { int8 } from '../../../../worker/methods/weights/int8.ts';
import { nf4 } from '../../../../worker/methods/weights/nf4.ts';
import { dispatchOf, mixedMlp } from '../../../../worker/nn/mixture.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { setThreads, threads } from '../../../../worker/tensor/threads.ts';
import { train } from '../../../../worker/train/loop.ts';
import { aToyModel, countUp, Training } from '../../../builders/toy-training.ts';
import { aSequence, gradientsOf } from '../../../builders/training.ts';

type Own = Readonly<Record<string, unknown>>;
const methodOf = (own: Own = {}) =>
  resolveMethod({ adapter: { type: 'MixLoRA', mixLora: { rank: 3, numExperts: 4, ...own } } });
const mixture = (own: Own = {}, dtype: 'float32' | 'float64' = 'float64') => {
  const adapter = adapterOf(methodOf(own), 5n, dtype);
  if (adapter === null) throw new Error('no adapter');
  return adapter;
};
const hidden = (model: Model) =>
  scope(() => toArray(hiddenStates(model, Int32Array.from(countUp(1, 9)))));
const gap = (found: readonly number[], expected: readonly number[]) =>
  Math.max(...found.map((x, i) => Math.abs(x - (expected[i] ?? Number.NaN)))) /
  Math.max(...expected.map(Math.abs));

/** Values for what is zero before the first step, and routers that are sure of themselves. */
function stir({ parameters }: Model): void {
  scope(() => {
    for (const { name, value } of parameters.trained()) {
      const deviation = name.endsWith('moe_gate.weight') ? 1 : 0.1;
      ops.copy_(value, normal(value.shape, deviation, streamOf(2, 'stir', name), value.dtype));
    }
  });
}

test('each token goes to the likeliest experts, of equal ones to the first', (t) => {
  const found = dispatchOf([0.1, 0.4, 0.1, 0.4, 0.25, 0.25, 0.25, 0.25, 0.7, 0.1, 0.1, 0.1], 4, 2);
  t.deepEqual(found.experts, [1, 3, 0, 1, 0, 1]);
  t.deepEqual(found.counts, [2, 3, 0, 1]);
  // Experts 0, 1 and 3, and the tokens of each in order.
  t.deepEqual(found.tokens, [1, 2, 0, 1, 2, 0]);
  t.deepEqual(found.rows, [2, 5, 0, 3, 1, 4]);
  const numbers = [Number.NaN, Number.NaN, Number.NaN];
  t.deepEqual(dispatchOf(numbers, 3, 2).experts.toSorted(), [0, 1]);
});

for (const name of ['llama', 'phi3', 'gemma2']) {
  test(`${name}: the model computes the same before the first step, wherever tokens go`, (t) => {
    const plain = aToyModel({ dtype: 'float64', name });
    const mixed = aToyModel({ dtype: 'float64', name, adapter: mixture() });
    using _one = plain.parameters;
    using _two = mixed.parameters;
    t.true(gap(hidden(mixed), hidden(plain)) < 1e-12);
    const routers = mixed.parameters.trained().filter((one) => /moe_gate/.test(one.name));
    t.is(routers.length, mixed.config.L);
    for (const { value } of routers) scope(() => ops.mulScalar_(value, -3000));
    t.true(gap(hidden(mixed), hidden(plain)) < 1e-12);
    // Decay pulls to the model of the files as well.
    stir(mixed);
    t.true(gap(hidden(mixed), hidden(plain)) > 1e-3);
    for (const { decayed, value } of mixed.parameters.trained()) {
      if (decayed) scope(() => ops.copy_(value, ops.zerosLike(value)));
    }
    t.true(gap(hidden(mixed), hidden(plain)) < 1e-12);
  });

  test(`${name}: one expert is plain LoRA`, (t) => {
    const lora = resolveMethod({ adapter: { type: 'LoRA', lora: { rank: 3 } } });
    const plain = aToyModel({ dtype: 'float64', name, adapter: adapterOf(lora, 5n, 'float64') });
    const own = { numExperts: 1, topK: 1 };
    const mixed = aToyModel({ dtype: 'float64', name, adapter: mixture(own) });
    using _one = plain.parameters;
    using _two = mixed.parameters;
    stir(plain);
    const nameThere = (each: string) =>
      /\.mlp\./.test(each) ? each.replace('.lora_', '.experts.0.lora_') : each;
    for (const each of plain.parameters.trained()) {
      scope(() => ops.copy_(mixed.parameters.value(nameThere(each.name)), each.value));
    }
    t.true(gap(hidden(mixed), hidden(plain)) < 1e-12);
    const sequences = [aSequence([countUp(0, 12)]), aSequence([countUp(3, 7)])];
    const [found, expected] = [gradientsOf(mixed, sequences), gradientsOf(plain, sequences)];
    t.true(Math.abs(found.loss - expected.loss) < 1e-12);
    t.is(found.gradients.size, expected.gradients.size + mixed.config.L);
    for (const [each, values] of expected.gradients) {
      t.true(gap(found.gradients.get(nameThere(each)) ?? [], values) < 1e-9, each);
    }
  });
}

test('rows sorted by expert compute what all experts do for all tokens, with zeros for weights', (t) => {
  const model = aToyModel({ dtype: 'float64', adapter: mixture({ numExperts: 5, topK: 3 }) });
  using _parameters = model.parameters;
  stir(model);
  const path = 'model.layers.1.mlp';
  scope(() => {
    const value = (name: string) => model.parameters.value(`${path}.${name}`);
    const tensors = tensorsOf(model, new Map(), null);
    const experts = tensors.mixture(path);
    if (experts === null) throw new Error('no experts');
    const x = normal([7, model.config.H], 1, streamOf(1, 'x'), 'float64');
    const [gate, up] = ['gate_proj', 'up_proj'].map((name) =>
      ops.atenLinear(x, value(`${name}.weight`)),
    ) as [Tensor, Tensor];
    const down = {
      ...{ name: `${path}.down_proj.weight`, weight: value('down_proj.weight'), bias: null },
      ...{ delta: null, observe: null, tap: null, precision: null, draw: null },
    };
    const names = ['gate_proj', 'up_proj'];
    const { output, routing } = mixedMlp(experts, { x, gate, up, down, names }, 0);

    const p = ops.softmax(ops.atenLinear(x, value('moe_gate.weight')), 1);
    const [kept] = ops.topk(p, 3, 1);
    const least = ops.amin(kept, [1], true);
    const chosen = ops.mul(p, ops.to(ops.ge(p, least), 'float64'));
    const weights = ops.div(chosen, ops.sumDim(chosen, [1], true));
    const all = [0, 1, 2, 3, 4].map((expert) => {
      const layer = (name: string, of: Tensor) => {
        const own = (factor: string) => value(`${name}.experts.${expert}.lora_${factor}.weight`);
        const change = ops.mulScalar(ops.mm(own('B'), own('A')), 2);
        return ops.atenLinear(of, ops.add(value(`${name}.weight`), change));
      };
      const inner = ops.mul(ops.silu(layer('gate_proj', x)), layer('up_proj', x));
      return ops.mul(layer('down_proj', inner), ops.narrow(weights, 1, expert, 1));
    });
    const expected = all.reduce((sum, one) => ops.add(sum, one));
    t.true(gap(toArray(output), toArray(expected)) < 1e-12);
    t.is(
      routing.counts.reduce((sum, count) => sum + count, 0),
      21,
    );
    t.true(gap(toArray(routing.probabilities), toArray(p)) < 1e-12);
  });
});

const sequences = [aSequence([countUp(0, 12)], 0), aSequence([countUp(3, 9), countUp(8, 6)], 1)];
const term = (coefficient: number, experts = 4) => ({
  inside: balanceLoss({ experts, coefficient }),
});

for (const name of ['llama', 'phi3']) {
  test(`${name}: gradients are those of the loss and the balance together`, (t) => {
    const adapter = mixture({ routerAuxLossCoef: '1' });
    const model = aToyModel({ dtype: 'float64', name, adapter });
    using parameters = model.parameters;
    stir(model);
    const coefficient = 0.05;
    const { gradients } = gradientsOf(model, sequences, 'keep', term(coefficient));
    const both = () => {
      const { loss, measured } = gradientsOf(model, sequences, 'keep', term(coefficient));
      return loss + coefficient * (measured[0] ?? Number.NaN);
    };
    const step = 1e-6;
    const first = name === 'phi3' ? 'gate_up_proj' : 'gate_proj';
    for (const suffix of [
      ...['mlp.moe_gate.weight', `mlp.${first}.experts.1.lora_A.weight`],
      ...['mlp.down_proj.experts.2.lora_B.weight', 'mlp.down_proj.experts.0.lora_A.weight'],
      'self_attn.o_proj.lora_A.weight',
    ]) {
      const each = `model.layers.0.${suffix}`;
      const value = parameters.value(each);
      for (const place of [0, Math.floor(value.numel / 3), value.numel - 2]) {
        const at = (change: number) => {
          const one = () => ops.narrow(ops.view(value, [value.numel]), 0, place, 1);
          scope(() => ops.addScalar_(one(), change));
          return both();
        };
        const [above, below] = [at(step), at(-2 * step)];
        at(step);
        const expected = (above - below) / (2 * step);
        const found = gradients.get(each)?.[place] ?? Number.NaN;
        t.true(Math.abs(found - expected) < 1e-6 * Math.max(1, Math.abs(expected)), each);
      }
    }
  });
}

test('a router learns from the loss and from the balance; experts without tokens have zeros', (t) => {
  const own = { numExperts: 8, topK: 2 };
  const model = aToyModel({ dtype: 'float64', adapter: mixture(own) });
  using _parameters = model.parameters;
  stir(model);
  const router = 'model.layers.2.mlp.moe_gate.weight';
  const few = [aSequence([countUp(0, 3)])];
  const norm = (values: readonly number[] = []) => Math.hypot(...values);
  const task = gradientsOf(model, few, 'keep', term(0, 8));
  const both = gradientsOf(model, few, 'keep', term(0.1, 8));
  t.true(norm(task.gradients.get(router)) > 1e-6);
  const through = (both.gradients.get(router) ?? []).map(
    (value, i) => value - (task.gradients.get(router)?.[i] ?? 0),
  );
  t.true(norm(through) > 1e-6);
  let idle = 0;
  for (const [name, values] of task.gradients) {
    const [, expert] = /layers\.2\.mlp\.up_proj\.experts\.(\d)\.lora_B/.exec(name) ?? [];
    if (expert === undefined) continue;
    if (values.every((value) => value === 0)) idle += 1;
  }
  // Three tokens choose six experts at most, and some of them twice.
  t.true(idle >= 2 && idle <= 6, `${idle}`);
  t.is(task.gradients.size, model.parameters.trained().length);
});

test('the balance is 1 where all experts are alike, and more where some get more', (t) => {
  const balanceOf = (p: readonly number[], counts: readonly number[]) =>
    scope(() => {
      const probabilities = tensor(p, [p.length / counts.length, counts.length], 'float64');
      const { routed } = balanceLoss({ experts: counts.length, coefficient: 1 });
      return toArray(routed!({ probabilities, counts }).measured());
    });
  const even = new Array<number>(4 * 6).fill(1 / 4);
  // 6 tokens of k = 2.
  const [uniform = 0, ...counts] = balanceOf(even, [3, 3, 3, 3]);
  t.true(Math.abs(uniform / (6 * 2) - 1) < 1e-12);
  t.deepEqual(counts, [3, 3, 3, 3]);
  // Wherever tokens go while probabilities are even.
  t.true(Math.abs((balanceOf(even, [6, 6, 0, 0])[0] ?? 0) / 12 - 1) < 1e-12);
  const sure = Array.from({ length: 6 }, () => [0.5, 0.5, 0, 0]).flat();
  t.true(Math.abs((balanceOf(sure, [6, 6, 0, 0])[0] ?? 0) / 12 - 2) < 1e-12);
});

test('recomputed and offloaded blocks have the same bits, for any number of threads', (t) => {
  const adapter = mixture({ dropout: '0.2' }, 'float32');
  const model = aToyModel({ adapter });
  using _parameters = model.parameters;
  stir(model);
  const long = [aSequence([countUp(0, 60)], 0), aSequence([countUp(3, 30), countUp(8, 31)], 1)];
  const kept = gradientsOf(model, long, 'keep', term(0.01));
  t.true((kept.measured[0] ?? 0) > 0);
  for (const mode of ['recompute', 'offload'] as const) {
    const other = gradientsOf(model, long, mode, term(0.01));
    t.deepEqual(other.gradients, kept.gradients);
    t.deepEqual(other.measured, kept.measured);
  }
  const before = threads();
  for (const count of [1, 2, 5]) {
    setThreads(count);
    const other = gradientsOf(model, long, 'recompute', term(0.01));
    setThreads(before);
    t.deepEqual(other, kept);
  }
  const parts = long.map((one) => gradientsOf(model, [one], 'keep', term(0.01)).measured);
  kept.measured.forEach((sum, i) => {
    const added = parts.reduce((all, part) => all + (part[i] ?? Number.NaN), 0);
    t.true(Math.abs(added - sum) <= 1e-9 * sum);
  });
});

for (const [name, store] of [
  ['NF4', nf4({ blockSize: 32, scales: 'Float32' })],
  ['Int8', int8({})],
  ['Int4', int4({ groupSize: 32, range: 'Asymmetric' })],
  ['dense', undefined],
] as const) {
  test(`${name} base: it trains, and each step tells where tokens went`, async (t) => {
    using training = new Training({
      ...{ adapter: mixture({ topK: 1 }, 'float32'), plan: { totalSteps: 12 } },
      ...(store === undefined ? {} : { store, config: { hidden_size: 64, intermediate_size: 96 } }),
    });
    await train(training.parts, freshState);
    const steps = training.ofType('step');
    const [first, last] = [steps.at(0), steps.at(-1)];
    t.true((last?.loss ?? 9) < (first?.loss ?? 0), `${first?.loss} to ${last?.loss}`);
    const { balance = 0, shares = [] } = first?.experts ?? {};
    t.is(shares.length, 4);
    t.true(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-12);
    t.true(Math.abs(balance - 1) < 0.1, `${balance}`);
    t.regex(first?.method ?? '', /experts have \d+\.\d to \d+\.\d % of the tokens, balance 1\.0/);
  });
}

test('a large weight of the balance spreads the tokens', async (t) => {
  const spread = async (routerAuxLossCoef: string) => {
    using training = new Training({
      adapter: mixture({ topK: 1, routerAuxLossCoef }, 'float32'),
      plan: { totalSteps: 40 },
      batches: [[aSequence([countUp(0, 40)])]],
    });
    for (const { name, value } of training.model.parameters.trained()) {
      if (name.endsWith('moe_gate.weight')) scope(() => ops.mulScalar_(value, 30));
    }
    await train(training.parts, freshState);
    return training.ofType('step').map(({ experts }) => experts?.balance ?? Number.NaN);
  };
  const pulled = await spread('10');
  const [first = 0] = pulled;
  const above = pulled.slice(-10).map((balance) => balance - 1);
  t.true(first > 1.1, `${pulled}`);
  t.true(above.reduce((sum, one) => sum + one, 0) / 10 < (first - 1) / 4, `${pulled}`);
});

test('an answer token by token is that of the whole text', (t) => {
  const model = aToyModel({ dtype: 'float64', adapter: mixture() });
  using parameters = model.parameters;
  stir(model);
  const prompt = countUp(2, 5);
  const options = { maxTokens: 6, temperature: 0, stop: new Set<number>(), draw: () => 0 };
  const found = generate(model, prompt, options);
  const expected: number[] = [];
  while (expected.length < 6) {
    const next = scope(() => {
      const h = hiddenStates(model, Int32Array.from([...prompt, ...expected]));
      const z = ops.atenLinear(h, parameters.value(headName(decoderConfig(model.config))));
      return toArray(ops.argmax(z, 1)).at(-1) ?? 0;
    });
    expected.push(next);
  }
  t.deepEqual(found, expected);
});

test('its values are as many as the plan counts', (t) => {
  for (const name of ['llama', 'phi3']) {
    for (const own of [{}, { targetModules: ['o_proj', 'down_proj'] }, { numExperts: 2 }]) {
      const model = aToyModel({ name, adapter: mixture(own, 'float32') });
      using parameters = model.parameters;
      const count = parameters.trained().reduce((sum, { value }) => sum + value.numel, 0);
      t.is(count, trainedOf(decoderConfig(model.config), methodOf(own)).adapter);
      t.truthy(adapterShape(methodOf(own), decoderConfig(model.config))?.experts);
    }
  }
});
