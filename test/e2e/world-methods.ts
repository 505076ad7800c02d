// Methods that store, multiply or move weights in few bits, on one worker and on three: the same
// curve, the same bits after a worker was lost, and a result that is written. The three are real
// processes on real files; the one works in this process.
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ToyRun } from '../builders/toy-run.ts';
import { rowsOf } from '../methods/adapter-trials.ts';
import { changingFormats, codebook, lisaOfOne, owloreOfOne } from '../methods/axis-values.ts';
import { splitRows } from '../methods/split-rows.ts';
import type { ToyJobOptions } from '../toy/toy-job.ts';
import { startHosts } from '../warm/hosts.ts';
import type { RunLine } from './anneal-process.ts';
import { resultOf } from './killed-run.ts';
import {
  aWorldJob,
  lossesOf,
  type Running,
  runWorld,
  undisturbed,
  warningsIn,
} from './world-run.ts';

/** Each value of each axis is in one of them, together with values of other axes. */
const methods = {
  ...rowsOf('workers'),
  'adapt-owlore-galore': {
    ...{ preset: 'OwLore', selection: owloreOfOne, base: changingFormats },
  },
  // Four sequences a step: of three workers one accumulates two, and the norm is that of all.
  'q-galore-lisa': { preset: 'QGaLore', selection: lisaOfOne },
  'natural-galore-both': {
    preset: 'NaturalGaLore',
    optimizer: { type: 'NaturalGaLore', naturalGalore: { rank: 8, sides: 'Both' } },
  },
  'halo-natural-galore': { preset: 'NaturalGaLore', precision: { type: 'HALO' } },
  'whole-ends': {
    preset: 'QLoRA',
    base: { type: 'NF4', nf4: { blockSize: 32 } },
    fullModules: ['embed_tokens', 'lm_head', 'norm'],
  },
  'pv-tuning': { preset: 'PVTuning', base: codebook },
};

/** What other rows train beside: a teacher that each world asks before its first step. */
const distillation = { weight: '0.5', temperature: '2', topK: 16 };
const distilled: ReadonlySet<string> = new Set(['halo-natural-galore']);

/**
 * Of a loss, through twelve steps: sums in bfloat16 differ by their order, and what is rounded
 * stochastically once to the other side.
 */
const allowed = 0.02;

/**
 * An adapter of each kind: sharded otherwise, calibrated, searched, changed while it trains; and a
 * row with distillation.
 */
const short = [
  ...['co-lora-ggpo', 'eva-nf4-ggpo', 'increlora-int8', 'loldu-lisa', 'lora-sb-density'],
  ...['lora-xs-halo', 'mixlora-int4-8bit', 'paca-nf4-allora', 'pissa-4bit', 's2ft-int8'],
  ...['spiel-int4', 'adapt-owlore-galore', 'natural-galore-both', 'whole-ends', 'pv-tuning'],
  ...['bi-lora-8bit-int2', 'lq-lora-mix-allora', 'spiel-ma', 'q-galore-lisa'],
  ...['halo-natural-galore'],
];

/** Declares the tests of a part of the table. */
export async function testsOfWorlds(part: 'short' | 'others'): Promise<void> {
  const hosts = await startHosts();
  test.after.always(() => hosts[Symbol.dispose]());
  for (const [name, method] of splitRows<ToyJobOptions['method']>(
    methods,
    short,
    (method) => method,
  )[part]) {
    test.serial(
      `${name}: three workers train as one does, with the same bits when one of them is lost`,
      (t) => trainsInAWorld(t, name, method, hosts.variables),
    );
  }
}

async function trainsInAWorld(
  t: ExecutionContext,
  name: string,
  method: ToyJobOptions['method'],
  variables: Readonly<Record<string, string>>,
): Promise<void> {
  const options = {
    ...{ name, method },
    training: {
      ...{ maxSteps: 12, globalBatchSize: 4, learningRate: '2e-3' },
      ...(distilled.has(name) && { distillation }),
      ...{ gradientClip: { mode: 'Global', norm: '0.5' }, evaluation: { intervalSteps: 4 } },
    },
  };
  const { folder, job } = await aWorldJob(t, options);
  const { evaluation } = await (await ToyRun.make(join(folder, 'one'), options)).all();
  const alone = evaluation.all.map(({ loss }) => loss);
  const expected = await undisturbed(t, job, join(folder, 'three'), 3, variables);
  const losses = lossesOf(expected);
  t.true(losses.length >= 3);
  t.is(alone.length, losses.length);
  t.true((losses.at(-1) ?? Number.NaN) < (losses[0] ?? Number.NaN), 'it learns');
  const gaps = losses.map((loss, i) => Math.abs(loss / (alone[i] ?? Number.NaN) - 1));
  t.log(`largest gap to one worker: ${Math.max(...gaps).toExponential(1)}`);
  t.true(Math.max(...gaps) <= allowed, `${losses} with three, ${alone} with one`);
  let killed = false;
  const kill = (line: RunLine, running: Running): void => {
    if (line.type !== 'step' || line.step !== 8 || killed) return;
    killed = true;
    running.killTrainer(1);
  };
  const ended = await runWorld(job, join(folder, 'lost'), 3, kill, variables);
  t.is(ended.code, 0, ended.stderr);
  t.true(warningsIn(ended.lines).some(({ reason }) => reason === 'Restarted'));
  t.deepEqual(resultOf(job, ended.folder), expected);
}
