// A job of several workers beside one worker: the same curve, and the same bits after a worker was
// lost. The several are real processes on real files; the one works in this process.
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { ToyRun } from '../builders/toy-run.ts';
import type { ToyJobOptions } from '../toy/toy-job.ts';
import { resultOf } from './killed-run.ts';
import { aWorldJob, killsAfter, lossesOf, runWorld, undisturbed, warningsIn } from './world-run.ts';

interface World {
  readonly workers: number;
  /** Of the environment. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * Of a loss, through twelve steps: sums in bfloat16 differ by their order, and what is rounded
 * stochastically once to the other side.
 */
const allowed = 0.02;

export async function trainsInAWorld(
  t: ExecutionContext,
  given: ToyJobOptions,
  { workers, variables }: World,
): Promise<void> {
  const options = {
    ...given,
    training: {
      ...{ maxSteps: 12, globalBatchSize: 4, learningRate: '2e-3' },
      ...{ gradientClip: { mode: 'Global', norm: '0.5' }, evaluation: { intervalSteps: 4 } },
      ...given.training,
    },
  };
  const { folder, job } = await aWorldJob(t, options);
  const { evaluation } = await (await ToyRun.make(join(folder, 'one'), options)).all();
  const alone = evaluation.all.map(({ loss }) => loss);
  const expected = await undisturbed(t, job, join(folder, 'several'), workers, variables);
  const losses = lossesOf(expected);
  t.true(losses.length >= 3);
  t.is(alone.length, losses.length);
  t.true((losses.at(-1) ?? Number.NaN) < (losses[0] ?? Number.NaN), 'it learns');
  const gaps = losses.map((loss, i) => Math.abs(loss / (alone[i] ?? Number.NaN) - 1));
  t.log(`largest gap to one worker: ${Math.max(...gaps).toExponential(1)}`);
  t.true(Math.max(...gaps) <= allowed, `${losses} of several, ${alone} of one`);
  const ended = await runWorld(job, join(folder, 'lost'), workers, killsAfter(8, 1), variables);
  t.is(ended.code, 0, ended.stderr);
  t.true(warningsIn(ended.lines).some(({ reason }) => reason === 'Restarted'));
  t.deepEqual(resultOf(job, ended.folder), expected);
}
