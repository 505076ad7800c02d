// What a run wrote before is used again where it is of what is asked for, and whole.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type LocalRun, runStages } from '../../../cli/client/local-run.ts';
import { writtenBefore } from '../../../cli/client/written.ts';
import { trainDigest } from '../../../crds/plan/train-digest.ts';
import { preparedRecord } from '../../../crds/wire/run-folder.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { aPreparedRecord, aReport } from '../../builders/run-report.ts';
import { aRunRecord } from '../../builders/stored-run.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';
import type { WorkerScript } from '../../doubles/worker-script.ts';

const worker = join(import.meta.dirname, '../../doubles/worker-script.ts');
const prepared = aPreparedRecord('/models/model.gguf');

async function trainedRun(t: ExecutionContext, script: WorkerScript = {}) {
  const place = await temporaryFolder();
  t.teardown(() => place[Symbol.asyncDispose]());
  const folder = place.path;
  const record = aRunRecord(folder);
  const checkpoint = join(folder, 'checkpoints', 'step-00000020');
  const write = (name: string, value: unknown) =>
    writeFile(join(folder, name), JSON.stringify(value));
  await mkdir(checkpoint, { recursive: true });
  await write('run.json', record);
  await write('prepared.json', prepared);
  const request = trainDigest(record.spec, preparedRecord.parse(prepared));
  const trained = { version: 1, request, checkpoint, report: aReport() };
  await write('trained.json', trained);
  await writeFile(join(checkpoint, 'manifest.json'), '{}');
  await write('script.json', script);
  const messages: Telemetry[] = [];
  const never = new AbortController().signal;
  const run: LocalRun = {
    ...{ spec: record.spec, folder, worker, stop: never, kill: never },
    onMessage: (message) => messages.push(message),
  };
  return { folder, record, trained, write, run, messages };
}

async function isReused(folder: string): Promise<boolean> {
  return (await writtenBefore(folder, 'train', new Date(0))) !== undefined;
}

test('what was trained is used again where spec, model and records are the same', async (t) => {
  const { folder, record, trained, write } = await trainedRun(t);
  t.true(await isReused(folder));
  await write('prepared.json', { ...prepared, data: { ...prepared.data, digest: 'other' } });
  t.false(await isReused(folder), 'other records');
  await write('prepared.json', prepared);
  const { samples: _, ...training } = record.spec.training;
  const other = { ...record.spec, training: { ...training, seed: 7 } };
  await write('run.json', { ...record, spec: other });
  t.false(await isReused(folder), 'another spec');
  await write('run.json', record);
  await write('trained.json', { ...trained, request: undefined });
  t.false(await isReused(folder), 'of an earlier version');
  const { end } = trained.report;
  const stopped = { ...trained.report, end: { ...end, reason: 'Stopped' } };
  await write('trained.json', { ...trained, report: stopped });
  t.false(await isReused(folder), 'stopped before its end');
  await write('trained.json', { ...trained, result: join(folder, 'nowhere') });
  t.false(await isReused(folder), 'its checkpoint is gone');
  await write('trained.json', trained);
  t.true(await isReused(folder));
});

test('preparing and publishing look for themselves at what is there', async (t) => {
  const { folder } = await trainedRun(t);
  t.is(await writtenBefore(folder, 'prepare', new Date(0)), undefined);
  t.is(await writtenBefore(folder, 'publish', new Date(0)), undefined);
});

async function started(folder: string): Promise<readonly string[]> {
  return (await readFile(join(folder, 'stages.txt'), 'utf8')).trim().split('\n');
}

test('a run whose training ended is prepared and published, and says that nothing is trained', async (t) => {
  const { folder, run, messages } = await trainedRun(t);
  t.deepEqual(await runStages(run), { type: 'Complete' });
  t.deepEqual(await started(folder), ['prepare', 'publish']);
  t.like(messages, [
    {
      ...{ type: 'stage', stage: 'Train', state: 'Done' },
      note: 'it ended before, after step 20; its result is there',
    },
  ]);
});

const damaged = {
  ...{ type: 'failure', time: 1, code: 'E_CHECKPOINT_CORRUPTED', reason: 'CheckpointCorrupted' },
  message: 'shard-0.safetensors does not have the SHA-256 of its manifest',
};

test('where that turns out to be damaged, training goes on, and once alone', async (t) => {
  const script = { publish: { messages: [damaged], exit: 74 } };
  const { folder, run } = await trainedRun(t, script);
  t.like(await runStages(run), { type: 'Failed', error: { code: 'E_CHECKPOINT_CORRUPTED' } });
  t.deepEqual(await started(folder), ['prepare', 'publish', 'train', 'publish']);
  t.false(await isReused(folder), 'nor by the next command');
});

test('another failure of publishing does not train again', async (t) => {
  const failure = { ...damaged, code: 'E_PUBLISH_FAILED', reason: 'PublishFailed' };
  const { folder, run } = await trainedRun(t, { publish: { messages: [failure], exit: 74 } });
  t.like(await runStages(run), { type: 'Failed', error: { code: 'E_PUBLISH_FAILED' } });
  t.deepEqual(await started(folder), ['prepare', 'publish']);
  t.true(await isReused(folder));
});
