// A job whose pictures are changed each time they are trained on: it learns, and one that was
// stopped goes on with the pictures that it would have seen.
import test from 'ava';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyRun, type ToyRun, trainWithStop } from '../../builders/toy-run.ts';

test.before(() => setThreads(1));

const job = {
  ...({ name: 'changed', family: 'vit' } as const),
  method: { preset: 'LoRA', precision: { type: 'Float32' } },
  dataset: { augmentation: { cropArea: '0.3', flip: 'Horizontal' } },
  training: { maxSteps: 8, globalBatchSize: 6, microBatchSize: 3, learningRate: '5e-3' },
};

const losses = (run: ToyRun) => run.ofType('step').map(({ loss }) => loss);

test('a run that was stopped sees the pictures that it would have seen', async (t) => {
  const [whole, stopped] = [await aToyRun(t, job), await aToyRun(t, job)];
  await whole.prepare();
  await whole.train();
  await stopped.prepare();
  await trainWithStop(t, stopped, 5);
  t.is(losses(whole).length, 8);
  t.deepEqual(losses(stopped), losses(whole).slice(5));
});

test('pictures that are changed give other losses, of the same ones held out', async (t) => {
  const [changed, plain] = [await aToyRun(t, job), await aToyRun(t, { ...job, dataset: {} })];
  for (const run of [changed, plain]) {
    await run.prepare();
    await run.train();
  }
  t.notDeepEqual(losses(changed), losses(plain));
  const before = [changed, plain].map((run) => run.ofType('evaluation')[0]?.loss);
  t.is(before[0], before[1]);
});
