import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { listLocal } from '../../../worker/prepare/local.ts';
import { readAll } from '../../../worker/remote/source-files.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const never = new AbortController().signal;

test('A folder is its files and those below, without what is hidden or leads nowhere', async (t) => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, 'data/.cache'), { recursive: true });
  await mkdir(join(folder.path, '.git'));
  for (const path of ['b.txt', 'data/a.txt', 'data/.cache/x', '.git/config', '.hidden']) {
    await writeFile(join(folder.path, path), path);
  }
  await symlink('b.txt', join(folder.path, 'link.txt'));
  await symlink('nowhere', join(folder.path, 'dangling.txt'));
  const { files, root } = await listLocal(folder.path);
  t.is(root, folder.path);
  t.deepEqual(
    files.map(({ path, bytes }) => [path, bytes]),
    [
      ['b.txt', 5],
      ['data/a.txt', 10],
      ['link.txt', 5],
    ],
  );
  t.is((await readAll(await files[1]!.read(5, 6, never))).toString(), 'a');
  t.is((await readAll(await files[1]!.read(5, 5, never))).length, 0);
});

test('A file is a place with one file', async (t) => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'a.gguf'), 'GGUF');
  const { files, root } = await listLocal(join(folder.path, 'a.gguf'));
  t.is(root, folder.path);
  t.deepEqual(
    files.map(({ path }) => path),
    ['a.gguf'],
  );
});

test('A path that is not there is named with its field', async (t) => {
  const error = await t.throwsAsync(listLocal('/nowhere/at/all', 'spec.dataset.train.local.path'), {
    instanceOf: UserError,
  });
  t.is(error.code, 'E_SOURCE_NOT_FOUND');
  t.is(error.message, '/nowhere/at/all does not exist');
  t.is(error.path, 'spec.dataset.train.local.path');
});
