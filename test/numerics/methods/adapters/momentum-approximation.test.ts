// Places that grow by momentum approximation: scores against the whole outer product, what events
// do, that a run goes on where it ended, and that rows and columns of a teacher are found.
import test from 'ava';
import { stateTensors } from '../../../../worker/checkpoint/state-tensors.ts';
import { freshState, type TrainerState } from '../../../../worker/checkpoint/trainer-state.ts';
import type { HostSequence } from '../../../../worker/engine/packed-sequence.ts';
import type { Moment } from '../../../../worker/methods/adapters/adapter.ts';
import { largestScores } from '../../../../worker/methods/adapters/momentum-approximation.ts';
import { index, value } from '../../../../worker/methods/adapters/places.ts';
import { spiel } from '../../../../worker/methods/adapters/spiel.ts';
import { sm3 } from '../../../../worker/methods/optimizers/sm3.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { choose, streamOf } from '../../../../worker/tensor/streams.ts';
import { fromBytes, type Tensor, tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { train } from '../../../../worker/train/loop.ts';
import { meanOf, type PlantedJob, planted } from '../../../builders/planted-support.ts';
import {
  countUp,
  MemoryCheckpoints,
  Training,
  type TrainingOptions,
} from '../../../builders/toy-training.ts';
import { aSequence } from '../../../builders/training.ts';

const path = 'model.layers.1.mlp.up_proj';
const micros = [aSequence([countUp(0, 12)]), aSequence([countUp(3, 7)], 1)];

function aSpiel(dtype: 'float32' | 'float64' = 'float64') {
  return spiel({
    ...{ density: 0.05, reselectSteps: 3, accumulationSteps: null, initialRate: 0.5 },
    ...{ targets: (each: string) => each === path, seed: 7n, dtype },
  });
}

const options: TrainingOptions = {
  ...{ dtype: 'float64', adapter: aSpiel() },
  optimizer: sm3({ epsilon: 1e-8, weightDecay: 0.01, masterWeights: 'Float32' }),
  ...{
    plan: { totalSteps: 11 },
    batches: [micros, [...micros].reverse(), [micros[0] as HostSequence]],
  },
};

/** By the whole outer product, in the order of rows and columns by size. */
function byAllScores(
  rows: readonly number[],
  columns: readonly number[],
  own: readonly number[],
  count: number,
): readonly number[] {
  const bySize = (values: readonly number[]) =>
    values.map((_, i) => i).sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
  const ranked = bySize(rows).flatMap((i) =>
    bySize(columns).map((j) => ({
      place: i * columns.length + j,
      score: Math.fround((rows[i] ?? 0) * (columns[j] ?? 0)),
    })),
  );
  return ranked
    .filter(({ place }) => !own.includes(place))
    .sort((a, b) => b.score - a.score)
    .slice(0, count)
    .map(({ place }) => place);
}

test('places grow where the product of row and column is largest, and none of those that are there', (t) => {
  for (const [out, inputs, places, count] of [
    [9, 14, 20, 7],
    [14, 9, 63, 63],
    [1, 40, 8, 8],
    [40, 1, 8, 3],
  ] as const) {
    for (const kind of ['drawn', 'with zeros', 'with ties'] as const) {
      scope(() => {
        const line = (name: string, size: number) => {
          const drawn = ops.square(normal([size], 1, streamOf(2, name, kind)));
          if (kind === 'drawn') return drawn;
          return kind === 'with ties' ? ops.round(drawn) : ops.relu(ops.subScalar(drawn, 0.5));
        };
        const [rows, columns] = [line('rows', out), line('columns', inputs)];
        const own = choose(places, out * inputs, streamOf(2, 'own')).toSorted((a, b) => a - b);
        const index = tensor(own, [places], 'int32');
        t.deepEqual(
          toArray(largestScores({ rows, columns }, index, count)),
          byAllScores(toArray(rows), toArray(columns), own, count),
          `${out} x ${inputs} ${kind}`,
        );
      });
    }
  }
});

interface Values {
  readonly index: readonly number[];
  readonly values: ReadonlyMap<number, number>;
  readonly rows: readonly number[];
  readonly columns: readonly number[];
}

function valuesOf({ model, states }: Training): Values {
  return scope(() => {
    const read = (suffix: string) => toArray(model.parameters.value(`${path}.${suffix}`));
    const state = states.byName.get(`${path}.${value}`);
    const [places, values] = [read(index), read(value)];
    return {
      index: places,
      values: new Map(places.map((place, i) => [place, values[i] ?? Number.NaN])),
      rows: toArray(state?.['rows'] as Tensor),
      columns: toArray(state?.['columns'] as Tensor),
    };
  });
}

test('places stay as many and ascending; the least changed go, those with the largest scores come as zero', async (t) => {
  using training = new Training(options);
  const { regrow } = training.parts;
  let events = 0;
  const parts = {
    ...training.parts,
    regrow(moment: Moment) {
      const before = valuesOf(training);
      regrow(moment);
      const after = valuesOf(training);
      t.deepEqual(
        after.index,
        [...new Set(after.index)].sort((a, b) => a - b),
      );
      t.is(after.index.length, before.index.length);
      t.deepEqual([after.rows, after.columns], [before.rows, before.columns]);
      if (![2, 5, 8].includes(moment.step)) return t.deepEqual(after, before);
      events += 1;
      const share = moment.step === 2 ? 1 : 0.5 * (1 - (moment.step + 1) / 11);
      const count = Math.floor(share * before.index.length);
      const came = after.index.filter((place) => !before.values.has(place));
      const gone = before.index.filter((place) => !after.values.has(place));
      t.deepEqual([came.length, gone.length], [count, count]);
      const size = (place: number) => Math.abs(before.values.get(place) ?? Number.NaN);
      const stayed = after.index.filter((place) => before.values.has(place));
      t.true(gone.every((place) => stayed.every((other) => size(place) <= size(other))));
      t.true(came.every((place) => after.values.get(place) === 0));
      for (const place of stayed) t.is(after.values.get(place), before.values.get(place));
      const inputs = before.columns.length;
      const score = (place: number) =>
        (before.rows[Math.floor(place / inputs)] ?? 0) * (before.columns[place % inputs] ?? 0);
      const least = Math.min(...came.map(score));
      const outside = Array.from({ length: before.rows.length * inputs }, (_, place) => place)
        .filter((place) => !before.values.has(place) && !after.values.has(place))
        .map(score);
      t.true(Math.max(...outside) <= least);
      return undefined;
    },
  };
  await train(parts, freshState);
  t.is(events, 3);
  // No gradient but that of values, and no state of a value.
  const names = [...stateTensors(training.trained()).keys()].filter((name) => name.includes(path));
  t.deepEqual(names.sort(), [
    `${path}.${index}`,
    `${path}.${value}`,
    `${path}.${value}#columns`,
    `${path}.${value}#rows`,
  ]);
});

test('the last step drops nothing, whenever it is', async (t) => {
  using training = new Training({ ...options, plan: { totalSteps: 3 } });
  const before = valuesOf(training).index;
  await train(training.parts, freshState);
  t.deepEqual(valuesOf(training).index, before);
});

for (const mode of ['keep', 'recompute'] as const) {
  test(`a run that ends after any step goes on with the same bits: ${mode}`, async (t) => {
    const saved: { readonly state: TrainerState; readonly bits: ReadonlyMap<string, Buffer> }[] =
      [];
    const given = { ...options, dtype: 'float32', mode, adapter: aSpiel('float32') } as const;
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

test('far more places than random ones are found where a teacher differs in some rows, and the loss is less than half of theirs', (t) => {
  const job: PlantedJob = {
    adapter: (seed) =>
      spiel({
        ...{ density: 0.04, reselectSteps: 20, accumulationSteps: null, initialRate: 0.2 },
        ...{ targets: () => true, seed: BigInt(seed), dtype: 'float32' },
      }),
    optimizer: sm3({ epsilon: 1e-8, weightDecay: 0, masterWeights: 'Float32' }),
    ...{ learningRate: 1e-2, steps: 400, support: 'Rows', regrows: true },
  };
  const seeds = [1, 2, 3];
  const grown = seeds.map((seed) => planted(seed, job));
  const fixed = seeds.map((seed) => planted(seed, { ...job, regrows: false }));
  t.log(grown, fixed);
  t.true(meanOf(grown, 'recovered') > 4 * meanOf(fixed, 'recovered'));
  t.true(meanOf(grown, 'loss') < 0.5 * meanOf(fixed, 'loss'));
});
