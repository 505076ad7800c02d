// Single values that come and go: which places drop and grow, that moments and ages go with them,
// that gradients of candidates are those of the dense weight, and that places of a teacher are
// found.
import test from 'ava';
import { stateTensors } from '../../../../worker/checkpoint/state-tensors.ts';
import { freshState, type TrainerState } from '../../../../worker/checkpoint/trainer-state.ts';
import type { HostSequence } from '../../../../worker/engine/packed-sequence.ts';
import type { Adapter, Moment } from '../../../../worker/methods/adapters/adapter.ts';
import { candidates, index, value } from '../../../../worker/methods/adapters/places.ts';
import { spiel } from '../../../../worker/methods/adapters/spiel.ts';
import { adamW } from '../../../../worker/methods/optimizers/adamw.ts';
import { agedAdamW } from '../../../../worker/methods/optimizers/aged-adamw.ts';
import type { OptimizerState } from '../../../../worker/methods/optimizers/optimizer.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { fromBytes, type Tensor, tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { train } from '../../../../worker/train/loop.ts';
import { denseChangeOf } from '../../../builders/dense-change.ts';
import { meanOf, type PlantedJob, planted } from '../../../builders/planted-support.ts';
import {
  aToyModel,
  countUp,
  MemoryCheckpoints,
  plainAdamW,
  Training,
  type TrainingOptions,
} from '../../../builders/toy-training.ts';
import { aSequence, gradientsOf } from '../../../builders/training.ts';

const path = 'model.layers.1.mlp.up_proj';
const adam = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.01 };
const micros = [aSequence([countUp(0, 12)]), aSequence([countUp(3, 7)], 1)];

function aSpiel(changes: Partial<Parameters<typeof spiel>[0]> = {}): Adapter {
  return spiel({
    ...{ density: 0.05, reselectSteps: 3, accumulationSteps: 2, initialRate: 0.5 },
    ...{ targets: (each) => each === path, seed: 7n, dtype: 'float64' },
    ...changes,
  });
}

const options: TrainingOptions = {
  ...{ dtype: 'float64', adapter: aSpiel(), optimizer: agedAdamW(adam) },
  ...{
    plan: { totalSteps: 11 },
    batches: [micros, [...micros].reverse(), [micros[0] as HostSequence]],
  },
};

interface Values {
  readonly index: readonly number[];
  readonly candidates: readonly number[];
  /** Value, moments and age of each place. */
  readonly byPlace: ReadonlyMap<number, readonly number[]>;
  readonly byCandidate: ReadonlyMap<number, readonly number[]>;
}

function valuesOf({ model, states }: Training): Values {
  return scope(() => {
    const read = (suffix: string) => model.parameters.value(`${path}.${suffix}`);
    const stateOf = (suffix: string) =>
      Object.values(states.byName.get(`${path}.${suffix}`) ?? {}).map(toArray);
    const [places, others] = [toArray(read(index)), toArray(read(candidates))];
    const [values, moments, growing] = [toArray(read(value)), stateOf(value), stateOf(candidates)];
    const row = (columns: readonly (readonly number[])[], i: number) =>
      columns.map((column) => column[i] ?? Number.NaN);
    return {
      ...{ index: places, candidates: others },
      byPlace: new Map(places.map((place, i) => [place, row([values, ...moments], i)])),
      byCandidate: new Map(others.map((place, i) => [place, row(growing, i)])),
    };
  });
}

interface Seen {
  readonly moment: Moment;
  readonly before: Values;
  readonly after: Values;
}

/** Places and moments after each step: before places are chosen again, and after. */
async function seenIn(given: TrainingOptions): Promise<readonly Seen[]> {
  using training = new Training(given);
  const seen: Seen[] = [];
  const { regrow } = training.parts;
  const parts = {
    ...training.parts,
    regrow(moment: Moment) {
      const before = valuesOf(training);
      regrow(moment);
      seen.push({ moment, before, after: valuesOf(training) });
    },
  };
  await train(parts, freshState);
  return seen;
}

test('places stay as many, ascending and apart from candidates; the least changed go for those with the largest moments', async (t) => {
  const seen = await seenIn(options);
  t.is(seen.length, 11);
  let events = 0;
  for (const { moment, before, after } of seen) {
    for (const { index: own, candidates: others } of [before, after]) {
      t.is(new Set([...own, ...others]).size, 2 * before.index.length);
      for (const places of [own, others])
        t.deepEqual(
          places,
          places.toSorted((a, b) => a - b),
        );
    }
    const share = moment.step === 2 ? 1 : 0.5 * (1 - (moment.step + 1) / 11);
    const isEvent = [2, 5, 8].includes(moment.step);
    const count = isEvent ? Math.floor(share * before.index.length) : 0;
    const gone = before.index.filter((place) => !after.byPlace.has(place));
    const came = after.index.filter((place) => !before.byPlace.has(place));
    t.is(gone.length, count, `step ${moment.step}`);
    t.is(came.length, count);
    if (!isEvent) continue;
    events += 1;
    const size = (of: ReadonlyMap<number, readonly number[]>, place: number) =>
      Math.abs(of.get(place)?.[0] ?? Number.NaN);
    const least = Math.min(
      ...after.index.map((place) => (before.byPlace.has(place) ? size(before.byPlace, place) : 9)),
    );
    t.true(gone.every((place) => size(before.byPlace, place) <= least));
    const [largest] = before.candidates
      .filter((place) => !after.byPlace.has(place))
      .map((place) => size(before.byCandidate, place))
      .sort((a, b) => b - a);
    t.true(came.every((place) => size(before.byCandidate, place) >= (largest ?? 0)));
    for (const place of came) {
      // A new value is zero, and has the moments and the age of its candidate.
      t.deepEqual(after.byPlace.get(place), [0, ...(before.byCandidate.get(place) ?? [])]);
    }
    for (const place of after.index) {
      if (before.byPlace.has(place))
        t.deepEqual(after.byPlace.get(place), before.byPlace.get(place));
    }
    const others = [...before.candidates.filter((place) => !came.includes(place)), ...gone];
    t.deepEqual(
      after.candidates,
      others.toSorted((a, b) => a - b),
    );
  }
  t.is(events, 3);
});

test('the last step drops nothing, whenever it is', async (t) => {
  const [last] = (await seenIn({ ...options, plan: { totalSteps: 3 } })).slice(-1);
  t.deepEqual(last?.after, last?.before);
});

test('gradients of candidates are those of the dense weight, over micro-batches and steps; none counts for clipping', async (t) => {
  using training = new Training({ ...options, clip: { mode: 'Global', norm: 1e9 } });
  const dense: (readonly number[])[] = [];
  const { batch, regrow } = training.parts;
  let compared = 0;
  const parts = {
    ...training.parts,
    batch(position: number) {
      using merged = aToyModel({ dtype: 'float64' }).parameters;
      const plain = { ...training.model, adapter: null, parameters: merged };
      scope(() => {
        const delta = training.model.adapter?.factors(
          training.model.adapted.get(path) as never,
          (suffix) => training.model.parameters.value(`${path}.${suffix}`),
          null,
        );
        if (delta === undefined) throw new Error('no change');
        const weight = merged.value(`${path}.weight`);
        ops.add_(weight, denseChangeOf(delta, weight.shape, 'float64'));
      });
      const next = batch(position);
      dense.push(gradientsOf(plain, next.sequences).gradients.get(`${path}.weight`) ?? []);
      return next;
    },
    regrow(moment: Moment) {
      if (moment.step % 3 === 2 && moment.step < 10) {
        const [first, second] = dense.slice(-2) as [readonly number[], readonly number[]];
        const { index: own, byCandidate } = valuesOf(training);
        // Chosen by the first of the two: no place outside has a larger one.
        const least = Math.min(
          ...[...byCandidate.keys()].map((place) => Math.abs(first[place] ?? 0)),
        );
        const outside = first.filter((_, place) => !own.includes(place) && !byCandidate.has(place));
        t.true(Math.max(...outside.map(Math.abs)) <= least * (1 + 1e-9));
        const most = Math.max(...first.map(Math.abs));
        for (const [place, [m = 0, v = 0, age]] of byCandidate) {
          const [a, b] = [first[place] ?? 0, second[place] ?? 0];
          t.true(Math.abs(m - (0.9 * 0.1 * a + 0.1 * b)) <= 1e-6 * most);
          t.true(Math.abs(v - (0.95 * 0.05 * a * a + 0.05 * b * b)) <= 1e-6 * most * most);
          t.is(age, 2);
          compared += 1;
        }
      }
      regrow(moment);
    },
  };
  await train(parts, freshState);
  // Each candidate of three times.
  t.is(compared, 3 * valuesOf(training).index.length);

  // Without candidates the same steps have the same norms, to the bit.
  using without = new Training({
    ...{ ...options, clip: { mode: 'Global', norm: 1e9 } },
    adapter: aSpiel({ reselectSteps: 100 }),
  });
  await train(without.parts, freshState);
  const norms = (of: Training) =>
    of
      .ofType('step')
      .slice(0, 3)
      .map(({ gradNorm }) => gradNorm);
  t.deepEqual(norms(training), norms(without));
});

for (const mode of ['keep', 'recompute'] as const) {
  test(`a run that ends after any step goes on with the same bits, between candidates and growth too: ${mode}`, async (t) => {
    const saved: { readonly state: TrainerState; readonly bits: ReadonlyMap<string, Buffer> }[] =
      [];
    const given = {
      ...options,
      dtype: 'float32',
      mode,
      adapter: aSpiel({ dtype: 'float32' }),
    } as const;
    using straight = new Training({
      ...given,
      checkpoints: (trained) => {
        const inner = new MemoryCheckpoints(trained);
        const { begin } = inner;
        inner.begin = async (state) => {
          await begin.call(inner, state);
          saved.push({ state, bits: trained.bits() });
        };
        return inner;
      },
    });
    await train(straight.parts, freshState);
    t.is(saved.length, 11);
    for (const { state, bits } of saved) {
      using resumed = new Training(given);
      resumed.states.follow(state.stepCounts, state.step - 1);
      for (const [name, { tensor: target }] of stateTensors(resumed.trained())) {
        const bytes = bits.get(name);
        if (bytes === undefined) throw new Error(`nothing was saved of ${name}`);
        scope(() => ops.copy_(target, fromBytes(bytes, target.shape, target.dtype)));
      }
      await train(resumed.parts, state);
      t.deepEqual(resumed.bits(), straight.bits(), `after step ${state.step}`);
    }
  });
}

test('a value that comes later moves as one of a fresh AdamW', (t) => {
  scope(() => {
    const [aged, fresh] = [agedAdamW(adam), adamW(plainAdamW)];
    const draw = (name: string, count: number) => normal([count], 1, streamOf(1, name), 'float64');
    const together = draw('w', 4);
    const alone = ops.clone(ops.narrow(together, 0, 1, 1));
    const states: [OptimizerState, OptimizerState] = [
      aged.initialize(together),
      fresh.initialize(alone),
    ];
    const step = (count: number) => ({
      ...{ learningRate: 0.1, count, gradientScale: 0.5, decayed: true },
      stream: streamOf(1, 'none'),
    });
    for (let count = 1; count <= 100; count += 1) {
      const g = draw(`g${count}`, 4);
      if (count === 41) {
        // Another value takes the place.
        for (const state of Object.values(states[0])) {
          ops.indexFill_(state, 0, tensor([1], [1], 'int64'), 0);
        }
        ops.copy_(ops.narrow(together, 0, 1, 1), alone);
      }
      const own = ops.clone(ops.narrow(g, 0, 1, 1));
      aged.update(together, g, states[0], step(count));
      aged.endStep?.();
      if (count > 40) fresh.update(alone, own, states[1], step(count - 40));
    }
    const [found, wanted] = [toArray(together)[1] ?? 0, toArray(alone)[0] ?? 1];
    t.true(Math.abs(found - wanted) < 1e-12, `${found} and ${wanted}`);
    t.deepEqual(toArray(states[0]['age'] as Tensor), [100, 60, 100, 100]);
  });
});

test('most places where a teacher differs are found, and the loss is less than half of that of random places', (t) => {
  const seeds = [1, 2, 3];
  const job: PlantedJob = {
    adapter: (seed) =>
      spiel({
        ...{ density: 0.04, reselectSteps: 20, accumulationSteps: 5, initialRate: 0.2 },
        ...{ targets: () => true, seed: BigInt(seed), dtype: 'float32' },
      }),
    optimizer: agedAdamW({ ...adam, beta2: 0.999, weightDecay: 0 }),
    ...{ learningRate: 3e-3, steps: 800, support: 'Anywhere', regrows: true },
  };
  const grown = seeds.map((seed) => planted(seed, job));
  const fixed = seeds.map((seed) => planted(seed, { ...job, regrows: false }));
  t.log(grown, fixed);
  t.true(meanOf(grown, 'recovered') > 0.5);
  t.true(meanOf(grown, 'loss') < 0.5 * meanOf(fixed, 'loss'));
});
