// The pass of a teacher: a run that is stopped in it ends with the bits of one that was not, a run
// that resumes reads what was found, and damage is refused.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { runFiles } from '../../../crds/wire/run-folder.ts';
import { openTeacherFile } from '../../../worker/checkpoint/teacher-file.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyRun, type ToyRun } from '../../builders/toy-run.ts';
import { aSequence } from '../../builders/training.ts';
import { digestsBelow } from '../../e2e/killed-run.ts';
import { float32 } from '../../methods/axis-values.ts';
import type { ToyJobOptions } from '../../toy/toy-job.ts';

test.before(() => setThreads(1));

const job: ToyJobOptions = {
  name: 'distilled',
  // More than an epoch: documents come a second time, in other sequences.
  method: { preset: 'Full', precision: float32 },
  sizes: { vocab_size: 320 },
  dataset: { sequenceLength: 48 },
  training: {
    ...{ maxSteps: 14, globalBatchSize: 4, microBatchSize: 2, learningRate: '2e-3' },
    distillation: { weight: '0.5', temperature: '2', topK: 16 },
  },
  checkpoint: { intervalSteps: 14 },
};

const passes = (run: ToyRun) =>
  run.ofType('stage').filter(({ subject, state }) => subject === 'the teacher' && state === 'Done');

const ended = (run: ToyRun) =>
  digestsBelow(join(run.folder, runFiles.checkpoints, 'step-00000014'));

test('a run that is stopped in the pass ends with the same bits, and one that resumes has no pass', async (t) => {
  const whole = await aToyRun(t, job);
  await whole.prepare();
  await whole.train();
  const steps = whole.ofType('step');
  t.is(passes(whole).length, 1);
  t.regex(passes(whole)[0]?.note ?? '', /^\d+ target tokens; .* % of the probability/);
  // The model begins as its teacher, and moves to the labels.
  t.true(Math.abs(steps[0]?.divergence ?? 1) < 1e-5);
  t.true(steps.slice(1).every(({ divergence }) => (divergence ?? 0) > 1e-5));
  t.regex(steps[1]?.method ?? '', /KL to the teacher 0\.\d{4}/);

  const stopped = await aToyRun(t, job);
  await stopped.prepare();
  stopped.onMessage = (message) => {
    if (message.type === 'stage' && message.subject === 'the teacher' && message.done !== undefined)
      stopped.stop();
  };
  await t.throwsAsync(() => stopped.train());
  t.is(passes(stopped).length, 0);
  stopped.startAgain();
  await stopped.train();
  t.is(passes(stopped).length, 1);
  t.deepEqual(ended(stopped), ended(whole));

  await rm(join(whole.folder, runFiles.checkpoints), { recursive: true });
  const expected = ended(stopped);
  whole.startAgain();
  await whole.train();
  t.is(passes(whole).length, 0);
  t.deepEqual(ended(whole), expected);

  const root = join(whole.folder, runFiles.initial);
  const [key = ''] = await readdir(root);
  // Documents came a second time.
  t.true((steps.at(-1)?.epoch ?? 0) > 1);
  {
    using file = await openTeacherFile({ root, key });
    const unknown = { ...aSequence([[1, 2, 3]]), documents: [9999] };
    t.throws(() => file?.of(unknown, 'cpu'), { message: /the teacher was not asked about/ });
  }

  // A damaged file is refused, not trained on.
  const file = join(root, key, 'shard-0.safetensors');
  const bytes = await readFile(file);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(file, bytes);
  whole.startAgain();
  await t.throwsAsync(() => whole.train(), { message: /does not have the SHA-256/ });
});
