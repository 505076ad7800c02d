import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { UserError } from '../../../../crds/failures/errors.ts';
import { filesBelow } from '../../../../worker/data/images/image-folder.ts';

let root = '';
test.beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'anneal-pictures-'));
  for (const folder of ['all/b', 'all/a', 'all/.git', 'other']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  for (const file of ['all/b/1.png', 'all/a/2.png', 'all/.git/c', 'all/.hidden', 'other/x.png']) {
    await writeFile(join(root, file), '');
  }
});
test.afterEach.always(() => rm(root, { recursive: true, force: true }));

test.serial('Files below a folder are listed in order, hidden ones left out', async (t) => {
  t.deepEqual(await filesBelow(join(root, 'all')), ['a/2.png', 'b/1.png']);
});

test.serial('A link to a file of the folder is a file; any other is refused', async (t) => {
  const folder = join(root, 'all');
  await symlink('../a/2.png', join(folder, 'b/inside.png'));
  t.deepEqual(await filesBelow(folder), ['a/2.png', 'b/1.png', 'b/inside.png']);
  for (const [target, leads] of [
    ['../../other/x.png', 'out of the folder'],
    ['../a', 'to no file'],
    ['gone', 'nowhere'],
  ] as const) {
    await rm(join(folder, 'b/link'), { force: true });
    await symlink(target, join(folder, 'b/link'));
    const message = `b/link is a link that leads ${leads}; links to files of the folder are read`;
    await t.throwsAsync(filesBelow(folder), { instanceOf: UserError, message });
  }
});

test.serial('A folder of more files than are listed is refused', async (t) => {
  await t.throwsAsync(filesBelow(join(root, 'all'), 1), {
    instanceOf: UserError,
    message: /has more than 1 files; at most so many are listed$/,
  });
});
