// `anneal run --workers N`: trainers that are killed one by one meet again, and the end has the
// bits of a run that nobody disturbed. Real processes, real files; the points are random, and the
// seed that is printed repeats them.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { ToyJobOptions } from '../toy/toy-job.ts';
import type { RunLine } from './anneal-process.ts';
import { checkpointsIn, onPartial, type Result, resultOf } from './killed-run.ts';
import {
  aWorldJob,
  lossesOf,
  type Running,
  runWorld,
  undisturbed,
  warningsIn,
} from './world-run.ts';

const seed = Number(process.env['ANNEAL_TEST_SEED'] ?? fc.sample(fc.noBias(fc.nat()), 1)[0]);

function seeded(t: ExecutionContext, options: ToyJobOptions) {
  t.log(`ANNEAL_TEST_SEED=${seed}`);
  return aWorldJob(t, options);
}

interface Kill {
  /** Steps of the round until then, and milliseconds after. */
  readonly steps: number;
  readonly ms: number;
  readonly rank: number;
  /** Instead, the first save after so many steps. */
  readonly inSave: boolean;
}

const killsOf = (workers: number): fc.Arbitrary<readonly Kill[]> =>
  fc.array(
    fc.record({
      // A checkpoint is begun with every third step and whole before the next one begins: without
      // one between two kills nothing would be gained.
      steps: fc.integer({ min: 7, max: 9 }),
      ms: fc.integer({ min: 0, max: 60 }),
      rank: fc.nat(workers - 1),
      inSave: fc.boolean(),
    }),
    { minLength: 4, maxLength: 4 },
  );

/** Does the kills one after the other, each in a round of its own. */
function killer(t: ExecutionContext, kills: readonly Kill[]) {
  const left = [...kills];
  let steps = 0;
  let isOver = false;
  const kill = (running: Running): void => {
    const next = left.shift();
    if (next === undefined) return;
    isOver = true;
    setTimeout(() => running.killTrainer(next.rank), next.inSave ? next.ms / 10 : next.ms);
  };
  return (line: RunLine, running: Running): void => {
    if (line.type === 'begin') {
      const checkpoints = join(line.folder, 'checkpoints');
      mkdirSync(checkpoints, { recursive: true });
      const watcher = onPartial(checkpoints, () => {
        if (left[0]?.inSave === true && !isOver && steps >= left[0].steps) kill(running);
      });
      t.teardown(() => watcher.close());
    }
    if (line.type === 'plan') {
      steps = 0;
      isOver = false;
    }
    if (line.type !== 'step' || isOver) return;
    steps += 1;
    if (left[0]?.inSave === false && steps === left[0].steps) kill(running);
  };
}

const survives = test.macro({
  async exec(t, workers: number, options: ToyJobOptions) {
    const { folder, job } = await seeded(t, options);
    const expected = await undisturbed(t, job, join(folder, 'undisturbed'), workers);
    t.true(Object.keys(expected.digests).length >= 1 + workers);
    const [kills = []] = fc.sample(killsOf(workers), { seed: seed + workers, numRuns: 1 });
    const ended = await runWorld(job, join(folder, 'killed'), workers, killer(t, kills));
    t.is(ended.code, 0, ended.stderr);
    const told = warningsIn(ended.lines).filter(({ reason }) => reason === 'Restarted');
    t.true(told.length >= 3, 'all but a kill that came when everything was done');
    for (const { message } of told) t.regex(message, /^worker \d of \d was ended by SIGKILL; all/);
    t.deepEqual(resultOf(job, ended.folder), expected);
  },
  title: (_, workers: number, { name }: ToyJobOptions) =>
    `${name}: ${workers} trainers, killed one by one, end with the bits of the undisturbed run`,
});

const lora = {
  preset: 'LoRA',
  precision: { type: 'Float32' },
  adapter: { type: 'LoRA', lora: { rank: 4, dropout: '0.2' } },
};
const full = {
  preset: 'Full',
  precision: { type: 'BFloat16', bfloat16: { masterWeights: 'StochasticRounding' } },
  optimizer: { type: 'AdamW8bit' },
};

test(survives, 2, { name: 'lora-float32', method: lora });
test(survives, 3, {
  name: 'full-bfloat16-8bit',
  method: full,
  training: { learningRate: '1e-3', evaluation: { intervalSteps: 7 } },
});

test(survives, 2, {
  name: 'classifier',
  family: 'roberta',
  method: { preset: 'Full', precision: { type: 'Float32' } },
  training: { learningRate: '1e-3', evaluation: { intervalSteps: 7 } },
});

test(survives, 2, {
  name: 'classifier-of-pictures',
  family: 'dinov2',
  method: { preset: 'Full', precision: { type: 'Float32' } },
  training: { learningRate: '1e-3', evaluation: { intervalSteps: 7 } },
});

test(survives, 2, {
  name: 'speech',
  family: 'whisper',
  method: { preset: 'Full', precision: { type: 'Float32' } },
  training: { learningRate: '1e-3', evaluation: { intervalSteps: 20 } },
});

test(survives, 2, {
  name: 'pictures-and-texts',
  family: 'dual',
  method: {
    ...{ preset: 'BlockLoRA', precision: { type: 'Float32' } },
    adapter: { type: 'BlockLoRA', blockLora: { rank: 8, blocks: 4, dropout: '0.2' } },
  },
  training: { microBatchSize: 1, evaluation: { intervalSteps: 7 } },
});

test('a run of two workers whose command is killed goes on, with the same bits', async (t) => {
  const { folder, job } = await seeded(t, { name: 'killed-command', method: lora });
  const expected = await undisturbed(t, job, join(folder, 'undisturbed'), 2);
  const cache = join(folder, 'killed');
  const killed = await runWorld(job, cache, 2, (line, running) => {
    if (line.type === 'step' && line.step === 11) running.killAll();
  });
  t.is(killed.code, null);
  const ended = await runWorld(job, cache, 2);
  t.is(ended.code, 0, ended.stderr);
  t.is(ended.folder, killed.folder);
  t.deepEqual(resultOf(job, ended.folder), expected);
});

test('a stop saves once for all workers, and another number of workers goes on from there', async (t) => {
  const { folder, job } = await seeded(t, {
    ...{ name: 'stopped', method: lora },
    checkpoint: { intervalSteps: 1000 },
  });
  const alone = await undisturbed(t, job, join(folder, 'alone'), 1);
  const cache = join(folder, 'changing');
  const stopped = await runWorld(job, cache, 3, (line, running) => {
    if (line.type === 'step' && line.step === 9) running.stop();
  });
  t.is(stopped.code, 130, stopped.stderr);
  const saves = stopped.lines.filter((line) => line.type === 'checkpoint');
  t.is(saves.length, 1);
  t.is(checkpointsIn(stopped.folder).whole.length, 1);
  t.deepEqual(checkpointsIn(stopped.folder).partial, []);
  const ended = await runWorld(job, cache, 2);
  t.is(ended.code, 0, ended.stderr);
  const [plan] = ended.lines.filter((line) => line.type === 'plan');
  t.is(plan?.firstStep, checkpointsIn(stopped.folder).whole[0] ?? saves[0]?.step);
  t.true(closeTo(resultOf(job, ended.folder), alone), 'the same curve to the order of sums');
});

test('a worker that stands still is given up after the limit, and cannot spoil anything', async (t) => {
  const failurePolicy = { hangTimeoutSeconds: 10 };
  const { folder, job } = await seeded(t, { name: 'frozen', method: lora, failurePolicy });
  const expected = await undisturbed(t, job, join(folder, 'undisturbed'), 2);
  let frozen = false;
  const ended = await runWorld(job, join(folder, 'frozen'), 2, (line, running) => {
    if (line.type !== 'step' || line.step !== 8 || frozen) return;
    frozen = true;
    running.killTrainer(1, 'SIGSTOP');
  });
  t.is(ended.code, 0, ended.stderr);
  const [told] = warningsIn(ended.lines).filter(({ reason }) => reason === 'Restarted');
  t.regex(
    told?.message ?? '',
    /^worker 0 of 2 ended: the .* rank 1 did not answer \(limit 10 s\); all/,
  );
  t.deepEqual(resultOf(job, ended.folder), expected);
});

test('a worker that is lost more often than the job allows ends the run with a sentence', async (t) => {
  const failurePolicy = { maxRestarts: 1 };
  const { folder, job } = await seeded(t, { name: 'budget', method: lora, failurePolicy });
  const kills = [5, 5, 5].map((steps) => ({ steps, ms: 0, rank: 1, inSave: false }));
  const ended = await runWorld(job, join(folder, 'cache'), 2, killer(t, kills));
  t.is(ended.code, 10, ended.stderr);
  t.regex(
    ended.stderr,
    /^2 restarts within 3600 s are more than maxRestarts, which is 1; the last cause: worker 1: /,
  );
});

/** Everything else is compared elsewhere, in float64. */
function closeTo(a: Result, b: Result): boolean {
  const other = lossesOf(b);
  // Float32 through forty steps, each of which enlarges a difference a little.
  return lossesOf(a).every((loss, i) => Math.abs(loss - (other[i] ?? Number.NaN)) <= 1e-3 * loss);
}
