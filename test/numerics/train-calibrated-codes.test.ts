// Runs whose codes are fitted to outputs on training data: where they begin beside codes of the
// weights, with the divergence from the dense model as their loss, and that a run that was stopped
// meanwhile, or after it, ends with the same bits.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { setThreads } from '../../worker/tensor/threads.ts';
import { ToyRun } from '../builders/toy-run.ts';
import { temporaryFolder } from '../doubles/sources.ts';
import { digestsBelow } from '../e2e/killed-run.ts';

test.before(() => setThreads(1));

function jobOf(calibrationSequences: number) {
  const codebook = { codebooks: 1, bits: 4, groupSize: 4, calibrationSequences };
  return {
    ...{ name: 'calibrated-codes', formats: ['AQLM'] as const },
    method: { preset: 'PVTuning', base: { type: 'Codebook', codebook } },
    // A random base: its own text says nothing of harm.
    evaluation: { profile: 'Disabled' as const },
    training: {
      ...{ maxSteps: 3, learningRate: '1e-3' },
      distillation: { weight: '1', topK: 16 },
    },
    checkpoint: { intervalSteps: 1 },
  };
}

test.serial('codes that are fitted to outputs begin nearer to the dense model', async (t) => {
  const first: number[] = [];
  for (const sequences of [0, 4]) {
    await using folder = await temporaryFolder();
    const run = await ToyRun.make(folder.path, jobOf(sequences));
    const { artifacts } = await run.all();
    t.is(artifacts[0]?.reload?.largestLogitGap, 0);
    first.push(run.ofType('step')[0]?.divergence ?? Number.NaN);
  }
  t.log(first);
  t.true((first[1] ?? 1) < 0.7 * (first[0] ?? 0));
});

test.serial('stopped while codes are fitted, and after that, the bits are the same', async (t) => {
  await using folder = await temporaryFolder();
  const run = await ToyRun.make(folder.path, jobOf(2));
  await run.prepare();
  const told: number[] = [];
  run.onMessage = (message) => {
    if (message.type !== 'stage' || message.state !== 'Running') return;
    if (message.subject === 'codes of weights' && told.push(message.done ?? 0) === 2) run.stop();
  };
  await t.throwsAsync(run.train(), { name: 'AbortError' });
  t.deepEqual(told, [0, 1]);
  run.startAgain();
  await run.train();
  const last = join(run.folder, 'checkpoints/step-00000003');
  const ended = digestsBelow(last);
  t.true(Object.keys(ended).length > 0);

  // From a checkpoint, with what the run began with at hand: nothing is fitted again.
  await rm(last, { recursive: true });
  run.startAgain();
  const before = told.length;
  await run.train();
  t.is(told.length, before);
  t.deepEqual(digestsBelow(last), ended);

  await using other = await temporaryFolder();
  const unbroken = await ToyRun.make(other.path, jobOf(2));
  await unbroken.prepare();
  await unbroken.train();
  t.deepEqual(
    digestsBelow(join(unbroken.folder, 'initial')),
    digestsBelow(join(run.folder, 'initial')),
  );
});
