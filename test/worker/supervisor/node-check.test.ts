import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { checkNode } from '../../../worker/supervisor/node-check.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const group = (limit?: number) => ({ memoryKills: () => 0, memoryLimit: () => limit });

test('a node that can write is fit, and nothing is left of the trial', async (t) => {
  await using folder = await temporaryFolder();
  const folders = [join(folder.path, 'run'), join(folder.path, 'checkpoints')];
  const check = await checkNode({ folders, podUid: 'a', group: group(2 ** 30) });
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
  const check = await checkNode({ folders: [join(blocked, 'run')], podUid: 'a', group: group() });
  t.like(check, { type: 'Unfit', trouble: { code: 'E_DEVICE_FAULT', exitCode: 71 } });
  t.regex(
    check.type === 'Unfit' ? check.trouble.message : '',
    /run cannot be written by this pod \(ENOTDIR\)$/,
  );
});

test('a memory limit in which nothing can be trained is told at once', async (t) => {
  const check = await checkNode({ folders: [], podUid: 'a', group: group(100 * 2 ** 20) });
  t.like(check, { type: 'Unfit', trouble: { code: 'E_HOST_OUT_OF_MEMORY' } });
});
