import { execFileSync } from 'node:child_process';
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { RefusedBytes } from '../../../crds/text/json.ts';
import {
  readBounded,
  readBoundedSync,
  readJsonFile,
  readTextFile,
} from '../../../worker/files/bounded-file.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const limit = { bytes: 1000, depth: 3, values: 100 };

test('a file within its limit is read whole, a missing one is undefined', async (t) => {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  const path = join(folder, 'a.json');
  await writeFile(path, '{"a":[1,"ä"]}');
  t.deepEqual(await readJsonFile(path, limit), { a: [1, 'ä'] });
  t.is(await readTextFile(path, 1000), '{"a":[1,"ä"]}');
  t.is(readBoundedSync(path, 1000).toString(), '{"a":[1,"ä"]}');
  t.is((await readBounded(path, 14))?.length, 14);
  for (const read of [readBounded, readTextFile]) {
    t.is(await read(join(folder, 'b'), 1), undefined);
  }
  t.throws(() => readBoundedSync(join(folder, 'b'), 1), { code: 'ENOENT' });
});

test('a file beyond its limit is not read', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'large.json');
  await writeFile(path, '');
  await truncate(path, 2 ** 40);
  const message = `has ${2 ** 40} bytes; at most 1000 are read`;
  await t.throwsAsync(readJsonFile(path, limit), { instanceOf: RefusedBytes, message });
  t.throws(() => readBoundedSync(path, 1000), { instanceOf: RefusedBytes, message });
});

test('what has no end is no file to read, and is not waited for', async (t) => {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const device = join(folder, 'device');
  await symlink('/dev/zero', device);
  await mkdir(join(folder, 'folder'));
  for (const path of [pipe, device, join(folder, 'folder')]) {
    const refusal = { instanceOf: RefusedBytes, message: 'is not a regular file' };
    await t.throwsAsync(readBounded(path, 1000), refusal);
    t.throws(() => readBoundedSync(path, 1000), refusal);
  }
});
