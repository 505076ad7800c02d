// Each family of models by each way to train: a job learns, is published, and ends with the same
// bits where its second half is trained again from a checkpoint.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { ToyRun } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { digestsBelow } from '../../e2e/killed-run.ts';
import { float32, lisaOfOne, nf4, owloreOfOne } from '../../methods/axis-values.ts';
import type { ToyJobOptions } from '../../toy/toy-job.ts';
import type { ToyFamily } from '../../toy/toy-tasks.ts';

test.before(() => setThreads(1));

/** Sizes that blocks of NF4 divide. */
const families: Readonly<Partial<Record<ToyFamily, NonNullable<ToyJobOptions['sizes']>>>> = {
  ...{ bert: {}, vit: {}, dinov2: {} },
  clip: { hidden_size: 32, intermediate_size: 64 },
  dual: { hidden_size: 32, intermediate_size: 64 },
  whisper: { d_model: 32, encoder_ffn_dim: 64, decoder_ffn_dim: 64 },
  dit: { attention_head_dim: 16 },
  srvgg: { num_feat: 32 },
  lorat: { hidden_size: 32 },
};

const galore = { type: 'GaLore', galore: { rank: 4, refreshSteps: 3 } };
/** In float32 and in bfloat16. */
const methods = {
  'all weights': { preset: 'Full', precision: float32 },
  LISA: { preset: 'LISA', selection: lisaOfOne, precision: float32 },
  GaLore: { preset: 'GaLore', optimizer: galore },
  QLoRA: { preset: 'QLoRA', base: nf4 },
};
const owLore = { preset: 'OwLore', selection: owloreOfOne, optimizer: galore };

/** Blocks of several stages are sampled by their outliers too. */
const ofStages: readonly string[] = ['clip', 'whisper'];

for (const [name, sizes] of Object.entries(families)) {
  const family = name as ToyFamily;
  const own = { ...methods, ...(ofStages.includes(name) && { OwLore: owLore }) };
  for (const [title, method] of Object.entries(own)) {
    test.serial(
      `${family} learns by ${title}, also when it goes on from a checkpoint`,
      async (t) => {
        await using folder = await temporaryFolder();
        const run = await ToyRun.make(folder.path, {
          ...{ name: 'family', family, method, sizes },
          training: {
            ...{ maxSteps: 12, globalBatchSize: 4, learningRate: '3e-3' },
            // Texts are packed.
            ...(family !== 'bert' && { microBatchSize: 4 }),
          },
          checkpoint: { intervalSteps: 6 },
        });
        const { artifacts } = await run.all();
        t.true((artifacts[0]?.bytes ?? 0) > 0);
        const losses = run.ofType('step').map(({ loss }) => loss ?? Number.NaN);
        const [first, last] = [losses.slice(0, 4), losses.slice(-4)].map(meanOf);
        t.true((last ?? Number.NaN) < 0.995 * (first ?? Number.NaN), `${first} to ${last}`);

        const saved = join(run.folder, 'checkpoints/step-00000012');
        const ended = digestsBelow(saved);
        t.true(Object.keys(ended).length > 0);
        await rm(saved, { recursive: true });
        run.startAgain();
        await run.train();
        t.is(run.ofType('plan')[0]?.firstStep, 6);
        t.deepEqual(digestsBelow(saved), ended);
      },
    );
  }
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
