import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { ensureEntry } from '../../../cli/setup/entry.ts';
import type { AnnealError } from '../../../crds/failures/errors.ts';
import { aSetup } from '../../doubles/machine.ts';

test('an entry is made once, and appears whole', async (t) => {
  const { setup } = await aSetup(t);
  const folder = join(setup.cache.root, 'thing-1');
  let made = 0;
  const entry = {
    folder,
    bytes: 1,
    async make(staging: string) {
      made += 1;
      t.false(existsSync(folder));
      await writeFile(join(staging, 'a'), 'a');
    },
  };
  const all = await Promise.all([ensureEntry(setup, entry), ensureEntry(setup, entry)]);
  t.deepEqual(all, [folder, folder]);
  t.is(made, 1);
  t.deepEqual(await readdir(folder), ['a']);
});

test('a making that fails leaves nothing behind', async (t) => {
  const { setup } = await aSetup(t);
  const entry = {
    folder: join(setup.cache.root, 'thing-1'),
    bytes: 1,
    async make(staging: string) {
      await writeFile(join(staging, 'half'), 'h');
      throw new Error('the connection was closed');
    },
  };
  await t.throwsAsync(ensureEntry(setup, entry), { message: 'the connection was closed' });
  t.deepEqual(await readdir(setup.cache.root), ['locks']);
});

test('what a killed process left in staging is removed by the next', async (t) => {
  const { setup } = await aSetup(t);
  const left = join(setup.cache.root, '.staging-thing-1-12345');
  await mkdir(left, { recursive: true });
  await ensureEntry(setup, {
    folder: join(setup.cache.root, 'thing-1'),
    bytes: 1,
    make: async () => void t.false(existsSync(left)),
  });
});

test('a disk that is too full is told before anything is fetched', async (t) => {
  const { setup } = await aSetup(t, { free: 812e6 });
  const entry = {
    folder: join(setup.cache.root, 'libtorch-2.15.0'),
    bytes: 1.7e9,
    make: async () => t.fail('it must not begin'),
  };
  const error = await t.throwsAsync<AnnealError>(ensureEntry(setup, entry));
  t.is(error?.code, 'E_NO_SPACE');
  t.is(
    error?.message,
    `${setup.cache.root} has 812 MB free; libtorch-2.15.0 needs 1.7 GB during setup`,
  );
  t.regex(error?.hint ?? '', /ANNEAL_CACHE/);
});
