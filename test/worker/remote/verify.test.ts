import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { verify } from '../../../worker/remote/verify.ts';
import { someBytes, temporaryFolder } from '../../doubles/sources.ts';

const never = new AbortController().signal;

test('Each kind of digest accepts its content and refuses one flipped bit', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  const bytes = someBytes(3_000_000);
  await writeFile(path, bytes);
  // Computed by other programs than the code under test.
  const by = (command: string, ...args: string[]) =>
    execFileSync(command, args, { encoding: 'utf8' }).split(' ')[0]!.trim();
  const stated = [
    { type: 'sha256', hex: by('sha256sum', path) },
    { type: 'md5', hex: by('md5sum', path) },
    { type: 'gitBlob', hex: by('git', 'hash-object', '--no-filters', path) },
  ] as const;
  for (const digest of stated) {
    const { matches, sha256 } = await verify(path, bytes.length, digest, never);
    t.true(matches, digest.type);
    t.is(sha256, stated[0].hex);
  }
  bytes[1_500_000]! ^= 1;
  await writeFile(path, bytes);
  for (const digest of stated) {
    t.false((await verify(path, bytes.length, digest, never)).matches, digest.type);
  }
});

test('CRC-32 of the standard check string', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, '123456789');
  const digest = { type: 'crc32', hex: 'cbf43926' } as const;
  t.true((await verify(path, 9, digest, never)).matches);
});

test('Without a stated digest every content is accepted, and its SHA-256 told', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  await writeFile(path, '');
  const verdict = await verify(path, 0, undefined, never);
  t.deepEqual(verdict, { matches: true, sha256: createHash('sha256').digest('hex') });
});
