// Steps under differential privacy: what one record can change at most, that the noise has the
// deviation that the account assumes, and that without clip and noise it is the step of any run.
import test from 'ava';
import { freshState } from '../../../worker/checkpoint/trainer-state.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import type { Parameter } from '../../../worker/engine/parameters.ts';
import { type PrivateSettings, PrivateSum } from '../../../worker/engine/private-sum.ts';
import type { StepUpdateSink } from '../../../worker/engine/update.ts';
import { lora } from '../../../worker/methods/adapters/lora.ts';
import { sgd } from '../../../worker/methods/optimizers/sgd.ts';
import { all } from '../../../worker/methods/selection/all.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { train } from '../../../worker/train/loop.ts';
import { privateStep } from '../../../worker/train/private-step.ts';
import { aToyModel, batchOf, countUp, Training } from '../../builders/toy-training.ts';
import { aSequence } from '../../builders/training.ts';

test.before(() => setThreads(1));

const adapter = lora({
  ...{ rank: 4, alpha: 8, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
  ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype: 'float32' },
});

const quiet = { clip: Number.POSITIVE_INFINITY, noise: 0 } as const;
const stream = (name: string) => streamOf(3, 'noise of a test', name);

/** Of other lengths, so of other gradients. */
const records: readonly (readonly HostSequence[])[] = [
  [aSequence([countUp(0, 12)], 0)],
  [aSequence([countUp(20, 5)], 1)],
  // A record that was split: both parts are one gradient.
  [aSequence([countUp(3, 9)], 2), aSequence([countUp(30, 7)], 3)],
  [aSequence([countUp(11, 3)], 4)],
];

/** What is offered to the update, tensor after tensor. */
function offered(
  chosen: readonly (readonly HostSequence[])[],
  settings: Omit<PrivateSettings, 'stream'>,
): readonly number[] {
  const model = aToyModel({ dtype: 'float64', adapter });
  using _parameters = model.parameters;
  const values: number[] = [];
  const update: StepUpdateSink = {
    offer: (gradients) => {
      for (const { value } of gradients) values.push(...toArray(value));
    },
    finish: () => ({ gradientNorm: 0, clipFactor: 1, applied: true, sums: [] }),
  };
  privateStep({
    ...{ model, update, records: chosen, settings: { ...settings, stream } },
    active: all(model.parameters).at(0),
    modes: new Array(model.config.L).fill('keep'),
    draw: ({ key }) => ({ seed: 1n, step: 0, key }),
    onDevice: (host) => toSequence(model, host),
  });
  return values;
}

function distance(one: readonly number[], other: readonly number[] = []): number {
  return Math.hypot(...one.map((value, i) => value - (other[i] ?? 0)));
}

test('one record more or less changes the sum by the clip at most, and small ones by less', (t) => {
  const norms = records.map((record) => distance(offered([record], { ...quiet, batch: 1 })));
  const [smallest, largest] = [Math.min(...norms), Math.max(...norms)];
  t.true(largest > 1.05 * smallest, String(norms));
  for (const clip of [smallest / 1e6, (smallest + largest) / 2]) {
    const settings = { clip, noise: 0, batch: 1 };
    const whole = offered(records, settings);
    for (const [left, norm] of norms.entries()) {
      const rest = offered(
        records.filter((_, i) => i !== left),
        settings,
      );
      const change = distance(whole, rest);
      // What is offered is rounded to float32, and both sums have at most four times the clip.
      const rounding = 2 * 4 * 2 ** -24 * clip;
      t.true(change <= clip + rounding, `${change} of ${clip}`);
      t.true(Math.abs(change - Math.min(norm, clip)) <= rounding, `${change}, ${norm}, ${clip}`);
    }
  }
});

const pair = (['first', 'second'] as const).map((name) => scope(() => aParameter(name, 50_000)));

function aParameter(name: string, size: number): Parameter {
  return {
    ...{ name, layer: 0, shape: [size], role: 'trained', learningRateFactor: 1, decayed: true },
    value: tensor([0], [1]),
  };
}

test('a record is clipped over all tensors together, and one that is not finite adds nothing', (t) => {
  const sums = (values: readonly number[]) =>
    scope(() => {
      const sum = new PrivateSum(pair, { clip: 5, noise: 0, batch: 1, stream });
      const parts = pair.map((parameter, i) => {
        const own = new Float32Array(50_000);
        own[0] = values[i] ?? 0;
        return { parameter, value: tensor(own, [50_000]) };
      });
      sum.add(parts);
      return sum.finish(pair).map(({ value }) => toArray(value)[0] ?? Number.NaN);
    });
  t.deepEqual(sums([3, 4]), [3, 4]);
  // Each by itself is within the clip.
  const [first = 0, second = 0] = sums([4.8, 3.6]);
  t.true(Math.abs(first - 4) < 1e-6 && Math.abs(second - 3) < 1e-6);
  t.true(Math.hypot(...sums([3e30, 4e30])) <= 5 * (1 + 1e-6));
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) t.deepEqual(sums([bad, 1]), [0, 0]);
});

test('noise is added once, with its deviation, and is another at each tensor and name', (t) => {
  const noises = [stream, (name: string) => streamOf(3, 'noise of a test', name, 1)].flatMap(
    (own) =>
      scope(() => {
        const sum = new PrivateSum(pair, { clip: 0.5, noise: 4, batch: 8, stream: own });
        return sum.finish(pair).map(({ value }) => toArray(value));
      }),
  );
  // 4 times 0.5 by 8. A variance of 50,000 draws is off by 0.6 percent, and 3 are allowed.
  const variance = ((4 * 0.5) / 8) ** 2;
  for (const [i, one] of noises.entries()) {
    const found = one.reduce((sum, value) => sum + value ** 2, 0) / one.length;
    t.true(Math.abs(found / variance - 1) < 0.03, `${found} of ${variance}`);
    for (const other of noises.slice(i + 1)) {
      const product = one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
      t.true(Math.abs(product / one.length / variance) < 0.03);
    }
  }
});

test('without records a step is noise alone', (t) => {
  const settings = { clip: 1, noise: 1, batch: 4 };
  const values = offered([], settings);
  t.true(values.length > 1000);
  const found = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
  t.true(Math.abs(found / (1 / 4) ** 2 - 1) < 0.3, String(found));
  t.deepEqual(offered([], settings), values, 'the same stream is the same noise');
});

test('without clip and noise it is the run that is not private, and no loss is told', async (t) => {
  // As many target tokens in each, so that the mean over records is that over tokens.
  const batches = [0, 1, 2].map((n) => [0, 1, 2].map((i) => aSequence([countUp(9 * n + i, 8)], i)));
  const common = {
    ...{ adapter, batches, clip: { mode: 'None', norm: 1 } as const },
    optimizer: sgd({ momentum: 0.9, weightDecay: 0, masterWeights: 'Float32' }),
  };
  const values: number[][] = [];
  for (const isPrivate of [false, true]) {
    using training = new Training(common);
    const parts = isPrivate
      ? {
          ...training.parts,
          batch: (position: number) => {
            const sequences = batches[position % batches.length] ?? [];
            return { ...batchOf(sequences, position), records: sequences.map((one) => [one]) };
          },
          privacy: () => ({ ...quiet, batch: 3, stream }),
        }
      : training.parts;
    const { state } = await train(parts, freshState);
    t.deepEqual([state.step, state.updates], [6, 6]);
    const losses = training.ofType('step').map(({ loss }) => loss);
    if (isPrivate) t.deepEqual([state.firstLoss, ...losses], new Array(7).fill(null));
    else t.true(losses.every((loss) => loss !== null));
    values.push(
      training.parts.shards.flatMap(({ parameter: { suffix, value } }) =>
        suffix === undefined ? [] : toArray(value),
      ),
    );
  }
  const [one = [], other = []] = values;
  const largest = Math.max(...one.map(Math.abs));
  const gap = Math.max(...one.map((value, i) => Math.abs(value - (other[i] ?? Number.NaN))));
  t.log(`${gap.toExponential(1)} of ${largest.toExponential(1)}`);
  // Six steps of sums of three gradients, in another order: some tens of roundings of float32.
  t.true(gap > 0 && gap <= 64 * 2 ** -24 * largest);
});
