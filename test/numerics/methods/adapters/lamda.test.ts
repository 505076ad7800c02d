// Columns that come to rest one after the other: when, that nothing moves them any more, and that
// all of B loses gradient and moments at the end.

import { join } from 'node:path';
import test from 'ava';
import { resolveMethod } from '../../../../crds/methods/resolve.ts';
import { trainedOf } from '../../../../crds/plan/parameters.ts';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import { decoderConfig } from '../../../../worker/decoder/config.ts';
import { openModel } from '../../../../worker/decoder/model-files.ts';
import type { Parameter } from '../../../../worker/engine/parameters.ts';
import { Updater } from '../../../../worker/engine/update.ts';
import { openSafetensors } from '../../../../worker/files/safetensors.ts';
import { type Adapter, factorB } from '../../../../worker/methods/adapters/adapter.ts';
import { lamda } from '../../../../worker/methods/adapters/lamda.ts';
import { adamW } from '../../../../worker/methods/optimizers/adamw.ts';
import { sgd } from '../../../../worker/methods/optimizers/sgd.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { toArray } from '../../../../worker/tensor/tensor.ts';
import { train } from '../../../../worker/train/loop.ts';
import { aToyRun } from '../../../builders/toy-run.ts';
import { plainAdamW, Training, type TrainingOptions } from '../../../builders/toy-training.ts';

const path = 'model.layers.1.mlp.up_proj';
const rank = 5;

function aLamda(freezeFraction: number, initialization: 'Svd' | 'LoRA'): Adapter {
  return lamda({
    ...{ rank, alpha: 10, dropout: 0, seed: 3n, dtype: 'float64', initialization, freezeFraction },
    allocation: 'Uniform',
    targets: (each) => each === path,
  });
}

/** Columns of B before each step and after the last. */
async function columnsOfB(options: TrainingOptions): Promise<readonly (readonly number[])[][]> {
  using training = new Training({ dtype: 'float64', ...options });
  const seen: (readonly number[])[][] = [];
  const look = () => {
    scope(() => {
      const B = ops.t(training.model.parameters.value(`${path}.${factorB}`));
      const values = toArray(ops.contiguous(B));
      const out = values.length / rank;
      seen.push(Array.from({ length: rank }, (_, j) => values.slice(j * out, (j + 1) * out)));
    });
  };
  const { batch } = training.parts;
  await train(
    {
      ...training.parts,
      batch(position) {
        look();
        return batch(position);
      },
    },
    freshState,
  );
  look();
  return seen;
}

for (const initialization of ['Svd', 'LoRA'] as const) {
  for (const mode of ['Global', 'Block'] as const) {
    test(`${initialization}, clipped by ${mode}: a column of B moves until it rests, and not by a bit from then on`, async (t) => {
      const [total, fraction] = [12, 0.6];
      const seen = await columnsOfB({
        adapter: aLamda(fraction, initialization),
        // Decay and momentum would move a column without a gradient.
        optimizer: adamW({ ...plainAdamW, weightDecay: 0.3 }),
        clip: { mode, norm: 0.1 },
        plan: { totalSteps: total },
      });
      t.is(seen.length, total + 1);
      for (let j = 0; j < rank; j += 1) {
        const restsFrom = Math.ceil(((j + 1) * fraction * total) / rank);
        for (let step = 0; step < total; step += 1) {
          const [before, after] = [seen[step]?.[j], seen[step + 1]?.[j]];
          if (step < restsFrom) t.notDeepEqual(after, before, `column ${j} in step ${step}`);
          else t.deepEqual(after, before, `column ${j} in step ${step}`);
        }
      }
    });
  }
}

test('columns at rest are no part of the norm that clips', (t) => {
  scope(() => {
    const value = ops.zeros([3, 4], { dtype: 'float64' });
    const parameter: Parameter = {
      ...{ name: 'B', layer: 0, value, shape: value.shape, role: 'trained' },
      ...{ learningRateFactor: 1, decayed: true },
    };
    const optimizer = sgd({ momentum: 0, weightDecay: 0, masterWeights: 'Float32' });
    const step = new Updater(optimizer, new Map(), { mode: 'Global', norm: 100 }).begin({
      ...{ learningRate: 1, count: () => 1, restingColumns: () => 2 },
      stream: (name) => streamOf(1, name),
    });
    step.offer([{ parameter, value: ops.fullLike(value, 2) }]);
    // Three rows of two columns of twos.
    t.is(step.finish().gradientNorm, Math.sqrt(3 * 2 * 4));
    t.deepEqual(toArray(value), [0, 0, -2, -2, 0, 0, -2, -2, 0, 0, -2, -2]);
  });
});

test('once all of B rests it has no moments, and what is left is a square matrix', async (t) => {
  const bytes: number[] = [];
  using training = new Training({
    ...{ dtype: 'float64', adapter: aLamda(0.5, 'Svd'), plan: { totalSteps: 8 } },
  });
  const { batch } = training.parts;
  const held = () =>
    [...training.states.byName.values()]
      .flatMap((state) => Object.values(state))
      .reduce((sum, { bytes: own }) => sum + own, 0);
  const parts = {
    ...training.parts,
    batch(position: number) {
      bytes.push(held());
      return batch(position);
    },
  };
  await train(parts, freshState);
  bytes.push(held());
  const out = training.model.parameters.get(`${path}.${factorB}`).shape[0] ?? 0;
  const [square, all] = [2 * 8 * rank ** 2, 2 * 8 * rank * (rank + out)];
  // The state is that of the step before where a batch is asked for.
  t.deepEqual(bytes, [all, all, all, all, all, square, square, square, square]);
  t.deepEqual([...training.states.byName.keys()], [`${path}.lora_S.weight`]);
});

test('by spectrum layers share the ranks of all, and begin as the base does', async (t) => {
  const ran = async (method: Readonly<Record<string, unknown>>) => {
    const run = await aToyRun(t, {
      name: 'spectrum',
      method: { precision: { type: 'Float32' }, ...method },
      training: { maxSteps: 3, learningRate: '1e-3' },
      dataset: { heldOut: { samples: 1 } },
      formats: ['PEFTAdapter'],
    });
    return { run, report: await run.all() };
  };
  const lamda = { rank: 4, alpha: '12', allocation: 'Spectrum' } as const;
  const method = { preset: 'LaMDA', adapter: { type: 'LaMDA', lamda } } as const;
  const { run, report } = await ran(method);
  const plain = await ran({ preset: 'LoRA' });
  const before = (of: typeof report) => of.evaluation.before?.loss ?? Number.NaN;
  t.true(Math.abs(before(report) / before(plain.report) - 1) < 1e-5, 'the base, taken apart');

  const folder = join(run.destination, 'adapter');
  using file = openSafetensors(join(folder, 'adapter_model.safetensors'));
  // Twice the rank: what trains, and what the base gave up.
  const ranks = [...file.header.tensors]
    .filter(([name]) => name.endsWith('lora_A.weight'))
    .map(([, { shape }]) => (shape[0] ?? 0) / 2);
  const layers = 3 * 7;
  t.is(
    ranks.reduce((sum, rank) => sum + rank, 0),
    4 * layers,
  );
  t.true(Math.max(...ranks) > Math.min(...ranks), `${ranks}`);
  t.true(Math.max(...ranks) <= 8);
  const plan = run.ofType('plan')[0];
  t.is(plan?.method, 'LaMDA++ r=4 on all linear layers, AdamW, float32');
  using base = openModel((await run.prepared()).model.path);
  const planned = trainedOf(decoderConfig(base.config), resolveMethod(method)).total;
  const trained = plan?.trainableParameters ?? 0;
  t.true(trained <= planned && trained > planned / 2, `${trained} of at most ${planned}`);
  // Once ranks are decided, the plan of memory has two moments in float32 of what trains: of each
  // of three blocks the mean, rounded up.
  const moments = (report.memory.predicted?.parts.optimizer ?? 0) / 8;
  t.true(moments >= trained && moments < trained + 3, `${moments} of ${trained}`);
});
