import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { unpack } from '../../../cli/setup/unpack.ts';
import { aSetup } from '../../doubles/machine.ts';
import { zipOf } from '../../doubles/zip.ts';

const signal = new AbortController().signal;

test('chosen members go to the places that were chosen for them, and no others', async (t) => {
  const { folder } = await aSetup(t);
  const archive = join(folder, 'a.whl');
  const long = 'torch '.repeat(50_000);
  await writeFile(
    archive,
    zipOf([
      { name: 'torch/lib/libc10.so', text: long },
      { name: 'torch/nn.py', text: 'pass' },
      { name: 'bin/nvcc', text: '#!', mode: 0o755 },
    ]),
  );
  const location = (name: string) => (name.endsWith('.py') ? undefined : `out/${name}`);
  t.is(await unpack({ archive, into: folder, location }, signal), 2);
  t.is(await readFile(join(folder, 'out/torch/lib/libc10.so'), 'utf8'), long);
  t.deepEqual((await readdir(join(folder, 'out'))).sort(), ['bin', 'torch']);
  t.is((await stat(join(folder, 'out/bin/nvcc'))).mode & 0o777, 0o755);
});

test('an archive that names a file outside its folder is refused', async (t) => {
  const { folder } = await aSetup(t);
  const archive = join(folder, 'a.whl');
  await writeFile(archive, zipOf([{ name: '../outside', text: 'x' }]));
  const location = (name: string) => name;
  await t.throwsAsync(unpack({ archive, into: join(folder, 'in'), location }, signal), {
    message: /invalid relative path/,
  });
});

test('a file that is no archive is refused', async (t) => {
  const { folder } = await aSetup(t);
  const archive = join(folder, 'a.whl');
  await writeFile(archive, '<html>not found</html>');
  const location = (name: string) => name;
  await t.throwsAsync(unpack({ archive, into: folder, location }, signal));
});
