import { mkdir, writeFile } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { freeMemory, memoryLimit } from '../../../worker/train/free-memory.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const mib = 2 ** 20;

/** A file system of control groups with these files; the place of this process in it. */
async function groups(
  t: ExecutionContext,
  files: Readonly<Record<string, string>>,
  self = '0::/',
  read = freeMemory,
) {
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder.path, 'mount', name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, `${text}\n`);
  }
  await writeFile(join(folder.path, 'self'), `${self}\n`);
  return read(join(folder.path, 'mount'), join(folder.path, 'self'));
}

test('what a container has left is its limit without its use, dropped pages of files not counted', async (t) => {
  const found = await groups(t, {
    'memory.max': String(100 * mib),
    'memory.current': String(70 * mib),
    'memory.stat': `anon ${30 * mib}\ninactive_file ${25 * mib}\nactive_file ${15 * mib}`,
  });
  t.is(found, 55 * mib);
});

test('the tightest group counts: that of the process, or one above', async (t) => {
  const files = {
    ...{ 'memory.max': String(90 * mib), 'memory.current': '0' },
    'slice/job/memory.max': String(40 * mib),
    'slice/job/memory.current': String(10 * mib),
  };
  t.is(await groups(t, files, '0::/slice/job'), 30 * mib);
  t.is(await groups(t, files), 90 * mib);
});

test('version 1 of control groups is read as well', async (t) => {
  const found = await groups(t, {
    'memory/memory.limit_in_bytes': String(64 * mib),
    'memory/memory.usage_in_bytes': String(20 * mib),
    'memory/memory.stat': `total_inactive_file ${4 * mib}`,
  });
  t.is(found, 48 * mib);
});

test('a use above the limit leaves nothing, and never less', async (t) => {
  t.is(await groups(t, { 'memory.max': '10', 'memory.current': '12' }), 0);
});

test('the limit is that of the tightest group, whatever is in use, or of the machine', async (t) => {
  const limit = (files: Readonly<Record<string, string>>, self?: string) =>
    groups(t, files, self, memoryLimit);
  const files = { 'memory.max': String(90 * mib), 'memory.current': String(80 * mib) };
  t.is(await limit(files), 90 * mib);
  t.is(await limit({ ...files, 'slice/memory.max': String(40 * mib) }, '0::/slice'), 40 * mib);
  t.is(await limit({ 'memory/memory.limit_in_bytes': String(64 * mib) }), 64 * mib);
  t.is(await limit({ 'memory.max': 'max' }), totalmem());
});

test('without a limit the machine counts', async (t) => {
  const near = (found: number) => {
    const free = freemem();
    // Others take and give memory between the two readings; a limit of a group would be none of
    // them.
    t.true(found > free / 2 && found < free * 2, `${found} beside ${free}`);
  };
  near(await groups(t, { 'memory.max': 'max', 'memory.current': String(5 * mib) }));
  near(await groups(t, { 'memory/memory.limit_in_bytes': '9223372036854771712' }));
  near(await groups(t, {}));
});
