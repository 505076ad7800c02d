import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { type RunRecord, runFiles } from '../../../crds/wire/run-folder.ts';
import {
  openRound,
  type RunFolders,
  runFolders,
  settleTrained,
  trainedIn,
} from '../../../worker/supervisor/round-folder.ts';
import { aSpec } from '../../builders/job.ts';
import { aReport } from '../../builders/run-report.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const prepared = {
  version: 1,
  model: { path: 'model', name: 'toy', digest: 'sha256:toy' },
  data: {
    ...{ train: 'store', digest: 'd', samples: 1, heldOutSamples: 0, skipped: {} },
    ...{ tokens: 1, targetTokens: 1 },
  },
};
const run: RunRecord = {
  ...{ name: 'a', namespace: 'b', folder: 'f', spec: aSpec(), digest: 'd', volumes: {} },
  ...{ cache: 'c', device: 'cpu', threads: 1, createdAt: '2026-01-01T00:00:00Z' },
  version: 1,
};

async function aRun(folder: string, checkpoints?: string): Promise<RunFolders> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, runFiles.prepared), JSON.stringify(prepared));
  return { folder, checkpoints };
}

async function save(folders: RunFolders, round: number, step: number): Promise<string> {
  const name = `step-${String(step).padStart(8, '0')}`;
  const folder = join(folders.folder, `round-${round}`, 'checkpoints', name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'manifest.json'), `${round} ${step}`);
  return folder;
}

const stepsIn = async (folder: string) => (await readdir(join(folder, 'checkpoints'))).toSorted();

test('a round begins with the committed checkpoints of the one before, and with nothing else of it', async (t) => {
  await using folder = await temporaryFolder();
  const folders = await aRun(folder.path);
  await openRound(folders, 1, undefined, run);
  for (const step of [3, 6, 9]) await save(folders, 1, step);
  await mkdir(join(folder.path, 'round-1/checkpoints/step-00000012.partial'));
  await mkdir(join(folder.path, runFiles.initial));
  const second = await openRound(folders, 2, { step: 6, round: 1 }, run);
  t.deepEqual(await stepsIn(second), ['step-00000003', 'step-00000006']);
  const [one, two] = [1, 2].map(
    (g) => statSync(join(folder.path, `round-${g}/checkpoints/step-00000006/manifest.json`)).ino,
  );
  t.is(one, two, 'as another name of the same file');
  t.true(existsSync(join(folder.path, runFiles.initial)), 'of all rounds');
  t.true(existsSync(join(second, runFiles.run)) && existsSync(join(second, runFiles.prepared)));
});

test('the round of the last commit stays until a later one has committed', async (t) => {
  await using folder = await temporaryFolder();
  const folders = await aRun(folder.path);
  await openRound(folders, 1, undefined, run);
  await save(folders, 1, 3);
  await openRound(folders, 2, { step: 3, round: 1 }, run);
  await save(folders, 2, 5);
  const third = await openRound(folders, 3, { step: 3, round: 1 }, run);
  t.deepEqual(await stepsIn(third), ['step-00000003'], 'what round 2 never committed is not read');
  t.deepEqual((await readdir(folder.path)).filter((name) => name.startsWith('round')).toSorted(), [
    'round-1',
    'round-3',
  ]);
  await save(folders, 3, 8);
  await openRound(folders, 4, { step: 8, round: 3 }, run);
  t.deepEqual((await readdir(folder.path)).filter((name) => name.startsWith('round')).toSorted(), [
    'round-3',
    'round-4',
  ]);
});

test('where the committed one is gone, later ones of its round are taken', async (t) => {
  await using folder = await temporaryFolder();
  const folders = await aRun(folder.path);
  await openRound(folders, 1, undefined, run);
  for (const step of [12, 15]) await save(folders, 1, step);
  const second = await openRound(folders, 2, { step: 9, round: 1 }, run);
  t.deepEqual(await stepsIn(second), ['step-00000012', 'step-00000015']);
});

test('where none is left, nobody begins anew', async (t) => {
  await using folder = await temporaryFolder();
  const folders = await aRun(folder.path);
  await openRound(folders, 1, undefined, run);
  const thrown = await t.throwsAsync(openRound(folders, 2, { step: 9, round: 1 }, run));
  t.like(thrown, { code: 'E_CHECKPOINT_CORRUPTED' });
  t.regex(
    thrown.message,
    /^the checkpoint of step 9 counts and is not in \S+round-2\/checkpoints, nor is any other of round 1$/,
  );
});

test('opened again after a kill in between, it is as if it were opened once', async (t) => {
  await using folder = await temporaryFolder();
  const folders = await aRun(folder.path);
  await openRound(folders, 1, undefined, run);
  await save(folders, 1, 3);
  await mkdir(join(folder.path, 'round-2/checkpoints/step-00000003.partial'), { recursive: true });
  for (let round = 0; round < 2; round += 1) {
    const second = await openRound(folders, 2, { step: 3, round: 1 }, run);
    t.deepEqual(await stepsIn(second), ['step-00000003']);
  }
  await save(folders, 2, 6);
  const again = await openRound(folders, 2, { step: 3, round: 1 }, run);
  t.deepEqual(await stepsIn(again), ['step-00000003', 'step-00000006'], 'its own are kept');
});

test('checkpoints go where the job says, below the name of the run', async (t) => {
  await using folder = await temporaryFolder();
  const spec = aSpec({
    'checkpoint.destination': { persistentVolumeClaim: { claimName: 'saves', path: 'x' } },
  });
  const folders = runFolders(join(folder.path, 'runs/first-0123'), spec, {
    saves: join(folder.path, 'saves'),
  });
  t.is(folders.checkpoints, join(folder.path, 'saves/x/first-0123'));
  await aRun(folders.folder, folders.checkpoints);
  await openRound(folders, 1, undefined, run);
  await save(folders, 1, 3);
  t.true(existsSync(join(folder.path, 'saves/x/first-0123/round-1/step-00000003/manifest.json')));
  const second = await openRound(folders, 2, { step: 3, round: 1 }, run);
  t.deepEqual(await stepsIn(second), ['step-00000003']);
});

test('the result of a round becomes the result of the run, however often', async (t) => {
  await using folder = await temporaryFolder();
  const folders = await aRun(folder.path);
  const second = await openRound(folders, 2, undefined, run);
  t.is(await trainedIn(folders, 2), null);
  await settleTrained(folders, 2);
  t.false(existsSync(join(folder.path, runFiles.trained)), 'there is none yet');
  const record = { version: 1, checkpoint: 'c', report: aReport() };
  await writeFile(join(second, runFiles.trained), JSON.stringify(record));
  await settleTrained(folders, 2);
  await settleTrained(folders, 2);
  t.is(JSON.parse(readFileSync(join(folder.path, runFiles.trained), 'utf8')).checkpoint, 'c');
});
