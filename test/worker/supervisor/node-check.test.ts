import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { checkNode } from '../../../worker/supervisor/node-check.ts';
import { fillDisk, tryDisk } from '../../doubles/small-disk.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const group = (limit?: number) => ({ memoryKills: () => 0, memoryLimit: () => limit });

test('a node that can write is fit, and nothing is left of the trial', async (t) => {
  await using folder = await temporaryFolder();
  const folders = [join(folder.path, 'run'), join(folder.path, 'checkpoints')];
  const check = await checkNode({ folders, podUid: 'a', group: group(2 ** 30), hasBegun: false });
  t.is(check.type, 'Fit');
  t.regex(
    check.type === 'Fit' ? check.message : '',
    /^memory limit 1\.0 GiB, \d+\.\d [MGT]iB free in /,
  );
  t.deepEqual((await readdir(folder.path, { recursive: true })).toSorted(), ['checkpoints', 'run']);
});

test('a place that cannot be written is a fault of the node', async (t) => {
  await using folder = await temporaryFolder();
  const blocked = join(folder.path, 'file');
  await writeFile(blocked, '');
  const folders = [join(blocked, 'run')];
  const check = await checkNode({ folders, podUid: 'a', group: group(), hasBegun: true });
  t.like(check, { type: 'Unfit', failure: { code: 'E_DEVICE_FAULT', exitCode: 71 } });
  t.regex(
    check.type === 'Unfit' ? check.failure.message : '',
    /run cannot be written by this pod \(ENOTDIR\)$/,
  );
});

test('a memory limit in which nothing can be trained is told at once', async (t) => {
  const limited = { podUid: 'a', group: group(100 * 2 ** 20), hasBegun: true };
  const check = await checkNode({ folders: [], ...limited });
  t.like(check, { type: 'Unfit', failure: { code: 'E_HOST_OUT_OF_MEMORY' } });
});

test('a place without room is none to begin in, and no reason to end what has begun', async (t) => {
  await using folder = await temporaryFolder();
  const disk = join(folder.path, 'disk');
  await using mounted = await tryDisk(t, disk, 2 ** 20);
  if (mounted === undefined) return;
  const check = (hasBegun: boolean) =>
    checkNode({ folders: [disk], podUid: 'a', group: group(), hasBegun });
  t.like(await check(false), {
    type: 'Unfit',
    failure: {
      code: 'E_STORAGE_FULL',
      message: `${disk} has 1.0 MiB free; 64.0 MiB is the least to begin with`,
    },
  });
  t.is((await check(true)).type, 'Fit');
  fillDisk(disk, 0);
  t.like(await check(false), { failure: { message: `${disk} is full` } });
  t.like(await check(true), { type: 'Fit', message: `no memory limit, 0 B free in ${disk}` });
});
