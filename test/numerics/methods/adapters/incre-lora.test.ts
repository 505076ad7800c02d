// Ranks that come while it trains: which layers get them and how many, that what is not live
// neither trains nor decays, that older ranks go on, and that ranks go where they are needed.
import test from 'ava';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import { stepGrowth } from '../../../../worker/engine/growth.ts';
import type { HostSequence } from '../../../../worker/engine/packed-sequence.ts';
import type { Parameter } from '../../../../worker/engine/parameters.ts';
import {
  type Adapter,
  factorA,
  factorB,
  type LinearLayer,
} from '../../../../worker/methods/adapters/adapter.ts';
import {
  diagonal,
  increLora,
  reserveValue,
} from '../../../../worker/methods/adapters/incre-lora.ts';
import {
  afterStep,
  isFull,
  type RankGrowth,
  ungrown,
} from '../../../../worker/methods/adapters/rank-growth.ts';
import { adamW } from '../../../../worker/methods/optimizers/adamw.ts';
import type { OptimizerState } from '../../../../worker/methods/optimizers/optimizer.ts';
import { grad, leaf, withTape } from '../../../../worker/tensor/autograd.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { train } from '../../../../worker/train/loop.ts';
import { countUp, plainAdamW, Training } from '../../../builders/toy-training.ts';
import { aSequence, gradientsOf } from '../../../builders/training.ts';

const settings = {
  ...({ rank: 4, alpha: 8, dropout: 0, seed: 3n, dtype: 'float64' } as const),
  ...{ most: 7, increment: 2, intervalSteps: 3, layersPerEvent: 2, warmupSteps: 1 },
  ...{ orthogonality: 0.1, targets: (path: string) => /(up|q|down)_proj$/.test(path) },
};
/** The layers of the toy that have an adapter. */
const count = 9;
const aGrowing = (changes: Partial<typeof settings> = {}) => increLora({ ...settings, ...changes });
const batches: readonly (readonly HostSequence[])[] = [
  [aSequence([countUp(0, 12)]), aSequence([countUp(3, 7)], 1)],
  [aSequence([countUp(5, 9)])],
];

interface Seen {
  readonly growth: RankGrowth;
  /** By name, values and moments after the step. */
  readonly values: ReadonlyMap<string, readonly number[]>;
  readonly moments: ReadonlyMap<string, readonly (readonly number[])[]>;
  readonly words: string;
}

/** What is there after each step. */
async function seenIn(
  adapter: Adapter,
  totalSteps: number,
  given: ConstructorParameters<typeof Training>[0] = {},
): Promise<readonly Seen[]> {
  using training = new Training({
    ...{ dtype: 'float64', adapter, batches, plan: { totalSteps } },
    // Decay and momentum would move what is not live.
    optimizer: adamW({ ...plainAdamW, weightDecay: 0.3 }),
    ...given,
  });
  const seen: Seen[] = [];
  const { copies: _, ...parts } = training.parts;
  const take = async ({ growth }: typeof freshState) => {
    if (growth === undefined) throw new Error('nothing grows');
    const own = training.model.parameters.trained();
    seen.push({
      growth,
      values: new Map(own.map(({ name, value }) => [name, toArray(value)])),
      moments: new Map(
        [...training.states.byName].map(([name, state]) => [
          name,
          Object.values(state).map(toArray),
        ]),
      ),
      words: training.ofType('step').at(-1)?.method ?? '',
    });
  };
  await train({ ...parts, copies: { take } }, freshState);
  return seen;
}

const liveOf = ({ births }: RankGrowth) => births.map((own) => 1 + 2 * own.length);
const sum = (of: readonly number[]) => of.reduce((a, b) => a + b, 0);

test('each event gives so many layers an increment, and the budget is kept', async (t) => {
  const seen = await seenIn(aGrowing(), 40);
  const totals = [count, ...seen.map(({ growth }) => sum(liveOf(growth)))];
  for (const [step, { words, growth }] of seen.entries()) {
    const more = (totals[step + 1] ?? 0) - (totals[step] ?? 0);
    // The budget of 36 has room for 13 increments: six events of two layers, and one of one.
    const expected = (step + 1) % 3 !== 0 ? 0 : step < 18 ? 4 : step === 20 ? 2 : 0;
    t.is(more, expected, `step ${step}`);
    const live = liveOf(growth);
    const range = `${Math.min(...live)} to ${Math.max(...live)} a layer`;
    t.is(words, `${sum(live)} live ranks, ${range}`);
    t.true(Math.max(...live) <= settings.most);
  }
  t.is(totals.at(-1), 35);
});

test('the most important layers grow, of equal ones the first, and none beyond its most', (t) => {
  const moment = { step: 2, totalSteps: 100 };
  const after = (before: RankGrowth, scores: readonly (number | null)[], step = 2) =>
    afterStep(settings, before, scores, { ...moment, step });
  const grew = ({ births }: RankGrowth) => births.map((own) => own.length);
  t.deepEqual(grew(after(ungrown(4), [1, 3, 2, 3])), [0, 1, 0, 1]);
  t.deepEqual(grew(after(ungrown(4), [1, 1, 1, 1])), [1, 1, 0, 0]);
  t.deepEqual(grew(after(ungrown(4), [1, 1, 1, 1], 3)), [0, 0, 0, 0]);
  // Nothing comes in the last step.
  t.deepEqual(
    grew(afterStep(settings, ungrown(4), [1, 1, 1, 1], { step: 2, totalSteps: 3 })),
    [0, 0, 0, 0],
  );
  // A layer that did not train keeps what is known of it.
  const known = after(ungrown(2), [4, 2], 0);
  t.deepEqual(after(known, [null, 2], 1).importance[0], known.importance[0]);
  t.deepEqual(after(known, [null, 2], 1).uncertainty[0], known.uncertainty[0]);
  // Three increments are the most.
  let state = ungrown(4);
  for (let step = 2; step < 30; step += 3) state = after(state, [9, 8, 1, 1], step);
  t.deepEqual(grew(state).slice(0, 2), [3, 3]);
  t.is(sum(grew(state)), 6);
  t.true(isFull(settings, state));
  // Without a number of layers, half of the steps are enough.
  const free = { ...settings, layersPerEvent: null };
  state = ungrown(10);
  for (let step = 0; step < 20; step += 1) {
    state = afterStep(free, state, countUp(0, 10), { step, totalSteps: 40 });
  }
  t.true(isFull(free, state));
});

test('importance and uncertainty are means of how much the loss depends on live ranks', async (t) => {
  const adapter = aGrowing({ intervalSteps: 100 });
  // A rate of zero: each step sees the same model, whose live rank is not zero.
  using training = new Training({
    ...{ dtype: 'float64', adapter, batches: [batches[0] ?? []] },
    plan: { totalSteps: 3, learningRate: () => 0 },
  });
  const { model } = training;
  for (const { suffix, value } of model.parameters.trained()) {
    if (suffix === diagonal) scope(() => ops.fill_(ops.narrow(value, 0, 0, 1), 0.3));
  }
  const { gradients } = gradientsOf(model, batches[0] ?? []);
  let state = freshState;
  const take = async (each: typeof freshState) => {
    state = each;
  };
  await train({ ...training.parts, copies: { take } }, freshState);
  for (const [i, { path, out, in: inputs }] of [...model.adapted.values()].entries()) {
    const [g = Number.NaN] = gradients.get(`${path}.${diagonal}`) ?? [];
    const score = Math.abs(0.3 * g) / Math.sqrt(out * inputs);
    let [mean, apart] = [0, 0];
    for (let step = 0; step < 3; step += 1) {
      mean = 0.85 * mean + 0.15 * score;
      apart = 0.85 * apart + 0.15 * Math.abs(score - mean);
    }
    const close = (found: number | undefined, wanted: number) =>
      t.true(Math.abs((found ?? 0) - wanted) <= 1e-9 * wanted, `${path}: ${found} and ${wanted}`);
    close(state.growth?.importance[i], mean);
    close(state.growth?.uncertainty[i], apart);
    t.true(score > 0);
  }
});

for (const mode of ['Global', 'Block'] as const) {
  test(`what is not live keeps its value and has no moments, and older ranks their moments: clipped by ${mode}`, async (t) => {
    const seen = await seenIn(aGrowing(), 24, { clip: { mode, norm: 0.1 } });
    let before: Seen | null = null;
    let grew = 0;
    for (const each of seen) {
      const live = liveOf(each.growth);
      const isFullNow = isFull(settings, each.growth);
      const names = [...each.values.keys()].filter((name) => name.endsWith(diagonal));
      t.is(names.length, count);
      for (const [i, name] of names.entries()) {
        const values = each.values.get(name) ?? [];
        const own = live[i] ?? 0;
        const held = isFullNow ? 0 : Math.min(2, values.length - own);
        const rest = new Array<number>(values.length - own).fill(0).fill(reserveValue, 0, held);
        t.deepEqual(values.slice(own), rest, name);
        const earlier = before === null ? own : (liveOf(before.growth)[i] ?? 0);
        // New ones have the value of the reserve that they were.
        t.deepEqual(values.slice(earlier, own), new Array(own - earlier).fill(reserveValue));
        grew += own - earlier;
        for (const moments of each.moments.get(name) ?? []) {
          t.true(moments.slice(0, earlier).every((x) => x !== 0));
          t.true(moments.slice(earlier).every((x) => x === 0));
        }
      }
      before = each;
    }
    t.is(grew, 26);
  });
}

test('growth changes the model by some 1e-5, its evaluation by nothing, and no moments', async (t) => {
  using training = new Training({
    ...{ dtype: 'float64', adapter: aGrowing(), batches, plan: { totalSteps: 4 } },
  });
  const { model, states } = training;
  const moments = () =>
    [...states.byName].map(([name, state]) => [name, Object.values(state).map(toArray)]);
  const trained = () => {
    const { loss, gradients } = gradientsOf(model, batches[0] ?? []);
    return { loss, norm: Math.hypot(...[...gradients.values()].flat()) };
  };
  const changes = () =>
    scope(() =>
      [...model.adapted.values()].flatMap((layer) => {
        const read = (suffix: string) => model.parameters.value(`${layer.path}.${suffix}`);
        const delta = model.adapter?.factors(layer, read, null);
        if (delta?.form !== 'product') throw new Error('no product');
        return toArray(ops.mm(delta.B, delta.A));
      }),
    );
  const seen: (readonly [number, number])[] = [];
  const parts = {
    ...training.parts,
    settleRanks(state: RankGrowth) {
      const [before, evaluated, held] = [trained(), changes(), moments()];
      training.parts.settleRanks(state);
      const after = trained();
      seen.push([Math.abs(after.loss - before.loss), before.loss]);
      t.deepEqual(changes(), evaluated);
      t.deepEqual(moments(), held);
    },
  };
  await train(parts, freshState);
  t.is(seen.length, 1);
  for (const [moved, loss] of seen) {
    t.true(moved > 0 && moved < 1e-5 * loss, `${moved} of ${loss}`);
  }
});

test('new ranks take a growing part of their update, and the others all of it', (t) => {
  scope(() => {
    const adapter = aGrowing({ warmupSteps: 4 });
    const path = 'model.layers.0.mlp.up_proj';
    const layer = { path, layer: 0, out: 3, in: 3, model: {} } as unknown as LinearLayer;
    const adapted = new Map([[path, layer]]);
    const state: RankGrowth = { births: [[3]], importance: [0], uncertainty: [0] };
    const partsAt = (suffix: string, step: number) => {
      const shape = suffix === factorA ? [7, 1] : suffix === factorB ? [1, 7] : [7];
      const value = ops.zeros(shape, { dtype: 'float64' });
      const parameter = { name: `${path}.${suffix}`, suffix, value } as unknown as Parameter;
      stepGrowth({ adapter, adapted }, state, step)?.pacing(parameter, () => ops.fill_(value, 1));
      return toArray(value);
    };
    t.deepEqual(partsAt(diagonal, 3), [1, 0.25, 0.25, 0, 0, 0, 0]);
    t.deepEqual(partsAt(diagonal, 5), [1, 0.75, 0.75, 0, 0, 0, 0]);
    t.deepEqual(partsAt(diagonal, 6), [1, 1, 1, 0, 0, 0, 0]);
    // The reserve behind them has trained from the first step, the next one begins.
    for (const suffix of [factorA, factorB]) {
      t.deepEqual(partsAt(suffix, 3), [1, 1, 1, 0.25, 0.25, 1, 1]);
      t.deepEqual(partsAt(suffix, 6), [1, 1, 1, 1, 1, 1, 1]);
    }
  });
});

test('gradients of ranks that are not live are no part of the norm, and without growth their tensors stay', async (t) => {
  const adapter = aGrowing({ intervalSteps: 100, orthogonality: 0 });
  using training = new Training({
    ...{ dtype: 'float64', adapter, batches: [batches[0] ?? []], plan: { totalSteps: 1 } },
  });
  const { gradients } = gradientsOf(training.model, batches[0] ?? []);
  const own = [...gradients].flatMap(([name, values]) =>
    name.endsWith(diagonal) ? values.slice(0, 1) : values,
  );
  const all = Math.hypot(...[...gradients.values()].flat());
  const before = new Map(
    training.model.parameters.trained().map(({ name, value }) => [name, toArray(value)]),
  );
  await train(training.parts, freshState);
  const norm = training.ofType('step')[0]?.gradNorm ?? 0;
  t.true(Math.abs(norm - Math.hypot(...own)) < 1e-12, `${norm}`);
  t.true(all > 1.5 * norm, `${all}`);
  const name = [...before.keys()].find((each) => each.endsWith(factorA)) ?? '';
  const [was, is] = [before.get(name) ?? [], toArray(training.model.parameters.value(name))];
  const row = is.length / settings.most;
  // The reserve trains, what comes after it does not. The live one has e = 0, so B and A rest.
  t.notDeepEqual(is.slice(row, 3 * row), was.slice(row, 3 * row));
  t.deepEqual(is.slice(3 * row), was.slice(3 * row));
});

const sizes = [
  { out: 96, in: 64 },
  { out: 32, in: 96 },
] as const;

/** Ranks of both layers where a teacher differs from the model in one of them, by all ranks. */
function ranksFor(changed: number, seed: number): readonly number[] {
  return scope(() => {
    const steps = 400;
    const draw = (name: string, shape: readonly number[], std = 1) =>
      normal(shape, std, streamOf(seed, name));
    const adapter = increLora({
      ...{ ...settings, seed: BigInt(seed), dtype: 'float32', rank: 5, alpha: 10, most: 9 },
      ...{ increment: 1, intervalSteps: 20, layersPerEvent: 1, warmupSteps: 20 },
      targets: () => true,
    });
    const { growth } = adapter;
    if (growth === undefined) throw new Error('nothing grows');
    const optimizer = adamW({ ...plainAdamW, beta2: 0.999, weightDecay: 0 });
    const layers = sizes.map((size, i) => {
      const W = draw(`W${i}`, [size.out, size.in], 1 / Math.sqrt(size.in));
      const change = draw(
        `D${i}`,
        [size.out, size.in],
        i === changed ? 0.3 / Math.sqrt(size.in) : 0,
      );
      const layer = { path: `l${i}`, layer: i, ...size, model: {} } as unknown as LinearLayer;
      const { trained } = adapter.initialize(layer, () => W);
      const own = Object.entries(trained).map(([suffix, value]) => ({
        parameter: { name: `l${i}.${suffix}`, suffix, value, layer: i } as unknown as Parameter,
        state: optimizer.initialize(value),
      }));
      return { W, teacher: ops.add(W, change), layer, own };
    });
    type Layer = (typeof layers)[number];
    const adapted = new Map(layers.map(({ layer }) => [layer.path, layer]));
    const net = (x: Tensor, weight: (layer: Layer) => Tensor) => {
      const [first, second] = layers as [Layer, Layer];
      return ops.linear(ops.relu(ops.linear(x, weight(first))), weight(second));
    };
    let state = growth.start(2);
    for (let step = 0; step < steps; step += 1) {
      scope(() => {
        const x = draw(`x${step}`, [64, 64]);
        const gradients = withTape(() => {
          const leaves = layers.map(({ own }) => own.map(({ parameter }) => leaf(parameter.value)));
          const read = (i: number) => (suffix: string) =>
            leaves[i]?.[
              layers[i]?.own.findIndex((one) => one.parameter.suffix === suffix) ?? -1
            ] as Tensor;
          const y = net(x, ({ W, layer }) => {
            const delta = adapter.factors(layer, read(layer.layer), { seed: 1n, step, key: 0 });
            if (delta.form !== 'product') throw new Error('no product');
            return ops.add(W, ops.mm(delta.B, delta.A), { alpha: delta.scale });
          });
          const wanted = net(x, ({ teacher }) => teacher);
          const terms = layers.map(
            ({ layer }) => adapter.regularizer?.(layer, read(layer.layer)) as Tensor,
          );
          const loss = ops.add(
            ops.mean(ops.square(ops.sub(y, wanted))),
            ops.mean(ops.stack(terms)),
          );
          return grad([loss], leaves.flat(), [null]);
        });
        const step_ = stepGrowth({ adapter, adapted }, state, step);
        const offered = layers.flatMap(({ own }, i) =>
          own.map(({ parameter }, j) => ({ parameter, value: gradients[3 * i + j] as Tensor })),
        );
        step_?.offered(offered);
        const scores = (step_?.scores() ?? []).map((score) => item(score));
        for (const [i, { parameter, state: moments }] of layers
          .flatMap(({ own }) => own)
          .entries()) {
          step_?.pacing(parameter, () =>
            optimizer.update(
              parameter.value,
              offered[i]?.value as Tensor,
              moments as OptimizerState,
              {
                ...{ learningRate: 3e-3, count: step + 1, gradientScale: 1, decayed: false },
                stream: streamOf(1, 'none'),
              },
            ),
          );
        }
        const after = growth.after(state, {
          ...{ scores, layers: layers.map(({ layer }) => layer) },
          moment: { step, totalSteps: steps },
        });
        for (const [i, { own }] of layers.entries()) {
          const e = own.find(({ parameter }) => parameter.suffix === diagonal)?.parameter.value;
          if (after.births !== state.births)
            growth.settle(e as Tensor, after.births[i] ?? [], after);
        }
        state = after;
      });
    }
    return state.births.map((births) => growth.live(births));
  });
}

test('ranks go to the layer that has to change', (t) => {
  const seeds = [1, 2, 3, 4, 5];
  const [first = [], second = []] = [0, 1].map((changed) =>
    seeds.map((seed) => ranksFor(changed, seed)),
  );
  const said = JSON.stringify({ first, second });
  for (const ranks of [...first, ...second]) t.is(sum(ranks), 10, said);
  const [, , median] = second.map(([, own = 0]) => own).sort((a, b) => a - b);
  t.true((median ?? 0) >= 7, said);
  // A change of the first can be made up for in the second, so both may get ranks for it.
  const ofFirst = (of: typeof first) => sum(of.map(([own = 0]) => own));
  t.true(ofFirst(first) > 1.5 * ofFirst(second), said);
});
