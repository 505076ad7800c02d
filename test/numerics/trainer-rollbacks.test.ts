// Rollbacks with checkpoints on a disk: what they add up to, and what a kill leaves of it.

import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { checkpointsOf, type RunCheckpoints } from '../../worker/checkpoint/checkpoints.ts';
import { listCheckpoints } from '../../worker/checkpoint/folder.ts';
import type { Checkpoints } from '../../worker/checkpoint/trainer-checkpoints.ts';
import { freshState } from '../../worker/checkpoint/trainer-state.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { type NonFinitePolicy, type TrainerParts, train } from '../../worker/train/loop.ts';
import { jobDigest } from '../builders/checkpoint.ts';
import { batchOf, countUp, Training, type TrainingOptions } from '../builders/toy-training.ts';
import { aSequence } from '../builders/training.ts';
import { FakeClock } from '../doubles/clock.ts';
import { temporaryFolder } from '../doubles/sources.ts';

test.before(() => setThreads(1));

const sequences = [0, 1, 2, 3, 4].map((n) => [aSequence([countUp(n, 10)], n)]);
const nonFinite: NonFinitePolicy = {
  ...{ action: 'Rollback', maxSkips: 0, maxRollbacks: 3, learningRateFactor: 0.5 },
};

interface Run extends Disposable {
  readonly training: Training;
  readonly parts: TrainerParts;
  readonly checkpoints: RunCheckpoints;
  readonly drawn: number[];
}

/**
 * A process on the folder of a run: saves after every second step, and the batches at these
 * positions are no numbers.
 */
function aRun(root: string, bad: readonly number[], options: TrainingOptions = {}): Run {
  const plan = { totalSteps: 6, nonFinite, ...options.plan };
  const training = new Training({ batches: sequences, ...options, plan });
  const checkpoints = checkpointsOf(training.trained(), {
    ...{ root, job: jobDigest, base: 'base', clock: new FakeClock() },
    wish: { intervalSteps: 2, intervalSeconds: null },
    retain: { latest: 3, best: 1, everySteps: null },
    emit: training.parts.emit,
  });
  const drawn: number[] = [];
  const batch = (position: number) => {
    drawn.push(position);
    const good = batchOf(sequences[position % sequences.length] ?? [], position);
    return bad.includes(position) ? { ...good, targetTokens: Number.NaN } : good;
  };
  const parts = { ...training.parts, batch, checkpoints };
  return {
    training,
    parts,
    checkpoints,
    drawn,
    [Symbol.dispose]: () => training[Symbol.dispose](),
  };
}

/** The same checkpoints, some of it otherwise. */
function changedBy(checkpoints: Checkpoints, changes: Partial<Checkpoints>): Checkpoints {
  return {
    get savedStep() {
      return checkpoints.savedStep;
    },
    get runningStep() {
      return checkpoints.runningStep;
    },
    due: (state) => checkpoints.due(state),
    begin: (state) => checkpoints.begin(state),
    follow: () => checkpoints.follow(),
    finish: () => checkpoints.finish(),
    restore: () => checkpoints.restore(),
    rememberRollback: (account) => checkpoints.rememberRollback(account),
    ...changes,
  };
}

const threeBad = [2, 3, 4];

test('three rollbacks to one checkpoint cut the learning rate three times', async (t) => {
  await using folder = await temporaryFolder();
  using run = aRun(folder.path, threeBad);
  const { state } = await train(run.parts, freshState);
  t.like(state, { step: 6, rollbacks: 3, learningRateFactor: 0.125, position: 9 });
  const rates = run.training.ofType('step').map(({ learningRate }) => learningRate);
  t.deepEqual(rates, [1e-2, 1e-2, 1e-2, 5e-3, 2.5e-3, ...new Array(4).fill(1.25e-3)]);
});

test('rollbacks add up where there is no room to note them', async (t) => {
  await using folder = await temporaryFolder();
  using run = aRun(folder.path, threeBad);
  const checkpoints = changedBy(run.checkpoints, { rememberRollback: async () => undefined });
  const { state } = await train({ ...run.parts, checkpoints }, freshState);
  t.like(state, { step: 6, rollbacks: 3, learningRateFactor: 0.125, position: 9 });
});

test('a run that was killed after rollbacks goes on with their account, and to the same bits', async (t) => {
  await using whole = await temporaryFolder();
  using undisturbed = aRun(whole.path, threeBad);
  const { state: expected } = await train(undisturbed.parts, freshState);

  await using folder = await temporaryFolder();
  using first = aRun(folder.path, threeBad);
  const killed = (position: number) => {
    if (position === 4) throw new Error('killed');
    return first.parts.batch(position);
  };
  await t.throwsAsync(train({ ...first.parts, batch: killed }, freshState), { message: 'killed' });

  using second = aRun(folder.path, threeBad);
  const restored = await second.checkpoints.restore();
  t.like(restored, { step: 2, rollbacks: 2, learningRateFactor: 0.25, position: 4 });
  const { state } = await train(second.parts, restored ?? freshState);
  t.deepEqual(second.drawn, [4, 5, 6, 7, 8], 'no batch that was left out is met again');
  t.deepEqual(state, expected);
  t.deepEqual(second.training.bits(), undisturbed.training.bits());
});

test('the rollbacks of before a kill count towards the most that are allowed', async (t) => {
  await using folder = await temporaryFolder();
  const always = [2, 3, 4, 5];
  using first = aRun(folder.path, always);
  // Asked to stop right after the second: nothing is saved, for nothing is new.
  const stopping = () => first.training.ofType('warning').length === 2;
  const { reason } = await train({ ...first.parts, stopping }, freshState);
  t.is(reason, 'Stopped');

  using second = aRun(folder.path, always);
  const restored = await second.checkpoints.restore();
  await t.throwsAsync(train(second.parts, restored ?? freshState), {
    code: 'E_DIVERGED',
    message: 'step 3: not finite again after 3 rollbacks; 3 are allowed',
  });
  t.deepEqual(second.drawn, [4, 5]);
});

test('a later checkpoint has the account in itself; a damaged note of it costs a replay', async (t) => {
  await using folder = await temporaryFolder();
  using run = aRun(folder.path, [2]);
  const { state } = await train(run.parts, freshState);
  using again = aRun(folder.path, [2]);
  t.deepEqual(await again.checkpoints.restore(), state);
  const [newest, middle] = await listCheckpoints(folder.path);
  for (const each of [newest, middle]) {
    await truncate(join(each?.folder ?? '', 'shard-0.safetensors'), 1);
  }
  await truncate(join(again.checkpoints.folderOf(2), 'rollback.json'), 5);
  using oldest = aRun(folder.path, [2]);
  const restored = await oldest.checkpoints.restore();
  t.like(restored, { step: 2, position: 2, rollbacks: 0, learningRateFactor: 1 });
  t.deepEqual((await train(oldest.parts, restored ?? freshState)).state, state);
});

test('an evaluation is not done again where a rollback goes back to it', async (t) => {
  await using folder = await temporaryFolder();
  using run = aRun(folder.path, threeBad, {
    evaluation: [aSequence([countUp(0, 10)])],
    plan: { evaluationInterval: 2 },
  });
  const { state } = await train(run.parts, freshState);
  t.deepEqual(
    state.evaluations.map(({ step }) => step),
    [0, 2, 4, 6],
  );
  t.deepEqual(
    run.training.ofType('evaluation').map(({ step }) => step),
    [0, 2, 4, 6],
  );
});

test('a step that was saved before a rollback beyond it is saved again when the run ends there', async (t) => {
  await using folder = await temporaryFolder();
  using run = aRun(folder.path, [4]);
  const { parts, checkpoints, training } = run;
  const hasRolledBack = () => training.ofType('warning').some(({ step }) => step === 2);
  const damaging = changedBy(checkpoints, {
    due: ({ step }) => !hasRolledBack() && [2, 4].includes(step),
    async restore() {
      await checkpoints.finish();
      await truncate(join(checkpoints.folderOf(4), 'shard-0.safetensors'), 1);
      return checkpoints.restore();
    },
  });
  const stopping = () => hasRolledBack() && training.ofType('step').at(-1)?.step === 4;
  const { state, reason } = await train({ ...parts, checkpoints: damaging, stopping }, freshState);
  t.like({ reason, ...state }, { reason: 'Stopped', step: 4, rollbacks: 1 });
  t.deepEqual(
    (await listCheckpoints(folder.path)).map(({ step }) => step),
    [4, 2],
  );
});
