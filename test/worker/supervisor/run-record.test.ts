import { join } from 'node:path';
import test from 'ava';
import { environmentOf } from '../../../operator/objects/environment.ts';
import { podConfig } from '../../../worker/supervisor/config.ts';
import { adjusted, jobDigest, writeRun } from '../../../worker/supervisor/run-record.ts';
import { recomputeAll } from '../../../worker/supervisor/verdict.ts';
import { aBuiltJob, someSettings } from '../../builders/built-job.ts';
import { aSpec } from '../../builders/job.ts';
import { startMs } from '../../builders/situation.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

test('the day of the first pod stays, the rest is as the last one was told', async (t) => {
  await using folder = await temporaryFolder();
  const job = aBuiltJob({ 'worker.resources': { limits: { cpu: '2500m' } } });
  const env = environmentOf(job, 'worker', someSettings, { workerRevision: 1, replicas: 1 });
  const config = podConfig(Object.fromEntries(env.map(({ name, value }) => [name, value ?? '0'])));
  const here = { ...config, runFolder: folder.path };
  const first = await writeRun(here, job.spec, startMs);
  t.is(first.threads, 2);
  // Rounds of workers have folders of their own, and what adapters began with is that of the run.
  t.is(first.initial, join(folder.path, 'initial'));
  const second = await writeRun(
    here,
    aSpec({ 'checkpoint.intervalSteps': 2 }),
    startMs + 86_400_000,
  );
  t.is(second.createdAt, first.createdAt);
  t.is(second.spec.checkpoint.intervalSteps, 2);
  t.is(second.digest, first.digest);
});

test('trainers of one pod share its processors, and each is told its device', async (t) => {
  await using folder = await temporaryFolder();
  const job = aBuiltJob({
    ...{ 'worker.resources': { limits: { cpu: '7' } }, 'worker.devicesPerWorker': 2 },
  });
  const env = environmentOf(job, 'worker', someSettings, { workerRevision: 1, replicas: 1 });
  const config = podConfig(Object.fromEntries(env.map(({ name, value }) => [name, value ?? '0'])));
  const run = await writeRun({ ...config, runFolder: folder.path }, job.spec, startMs, 'H100');
  t.like(run, { threads: 3, device: 'cuda:0', deviceProduct: 'H100' });
});

test('checkpoints stay good when what may be changed while suspended was changed, and only then', (t) => {
  const digest = jobDigest('uid', aSpec());
  for (const change of [
    { 'training.learningRate': '1e-3' },
    { 'training.epochs': '3' },
    { 'checkpoint.intervalSteps': 2 },
    { 'output.formats': ['GGUF'] },
  ]) {
    t.is(jobDigest('uid', aSpec(change)), digest, JSON.stringify(change));
  }
  for (const change of [
    { 'training.seed': 7 },
    { 'training.globalBatchSize': 64 },
    { 'dataset.sequenceLength': 512 },
  ]) {
    t.not(jobDigest('uid', aSpec(change)), digest, JSON.stringify(change));
  }
  t.not(jobDigest('other', aSpec()), digest);
});

test('a step of the memory ladder changes how activations are kept, and nothing else', (t) => {
  const spec = aSpec();
  t.is(adjusted(spec, []), spec);
  const smaller = adjusted(spec, [recomputeAll]);
  t.is(smaller.parallelism.activationRecomputation, 'Full');
  t.is(jobDigest('uid', smaller), jobDigest('uid', spec));
});
