import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { digestOfFiles, fileDigests } from '../../../worker/remote/file-digests.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const never = new AbortController().signal;

async function remembered(cache: string): Promise<number> {
  const all = await readdir(join(cache, 'digests'), { recursive: true }).catch(() => []);
  return all.filter((name) => name.endsWith('.json')).length;
}

test('A file that has rested is hashed once, and again when it has changed', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, 'one');
  // The clock of the test is far ahead of the time stamps of its files.
  const digests = fileDigests(folder.path, new FakeClock());
  const first = await digests.of(path, never);
  t.is(await remembered(folder.path), 1);
  t.is(await digests.of(path, never), first);
  await writeFile(path, 'two');
  t.not(await digests.of(path, never), first);
});

test('A change that keeps size and modification time is seen', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, 'one');
  await utimes(path, 1000, 1000);
  const digests = fileDigests(folder.path, new FakeClock());
  const first = await digests.of(path, never);
  await writeFile(path, 'two');
  await utimes(path, 1000, 1000);
  t.not(await digests.of(path, never), first);
});

test('A file that was changed just now is not remembered', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, 'one');
  const atOnce = { ...new FakeClock(), now: () => 0, monotonic: () => 0, sleep: async () => {} };
  await fileDigests(folder.path, atOnce).of(path, never);
  t.is(await remembered(folder.path), 0);
});

test('What is known is not hashed', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, 'one');
  const digests = fileDigests(folder.path, new FakeClock());
  const known = 'a'.repeat(64);
  await digests.know(path, known);
  t.is(await digests.of(path, never), known);
});

test('The digest of a set does not depend on the order, but on every path and content', (t) => {
  const a = { path: 'a', sha256: '1'.repeat(64) };
  const b = { path: 'b', sha256: '2'.repeat(64) };
  t.is(digestOfFiles([a, b]), digestOfFiles([b, a]));
  t.not(digestOfFiles([a, b]), digestOfFiles([a, { ...b, path: 'c' }]));
  t.not(digestOfFiles([a, b]), digestOfFiles([a, { ...b, sha256: '3'.repeat(64) }]));
  t.is(digestOfFiles([a]), `sha256:${a.sha256}`);
});
