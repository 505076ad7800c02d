import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { controlGroup } from '../../../worker/supervisor/control-group.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

test('kills and limit are read from control groups of version 2', async (t) => {
  await using folder = await temporaryFolder();
  await writeFile(
    join(folder.path, 'memory.events'),
    'low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n',
  );
  await writeFile(join(folder.path, 'memory.max'), '1073741824\n');
  const group = controlGroup(folder.path);
  t.is(group.memoryKills(), 1);
  t.is(group.memoryLimit(), 2 ** 30);
  await writeFile(join(folder.path, 'memory.max'), 'max\n');
  t.is(group.memoryLimit(), undefined);
});

test('and from version 1, where a huge number means none', async (t) => {
  await using folder = await temporaryFolder();
  const memory = join(folder.path, 'memory');
  await mkdir(memory);
  await writeFile(
    join(memory, 'memory.oom_control'),
    'oom_kill_disable 0\nunder_oom 0\noom_kill 4\n',
  );
  await writeFile(join(memory, 'memory.limit_in_bytes'), '9223372036854771712\n');
  const group = controlGroup(folder.path);
  t.is(group.memoryKills(), 4);
  t.is(group.memoryLimit(), undefined);
});

test('where there are none, nothing was killed and nothing is limited', async (t) => {
  await using folder = await temporaryFolder();
  const group = controlGroup(folder.path);
  t.is(group.memoryKills(), 0);
  t.is(group.memoryLimit(), undefined);
});
