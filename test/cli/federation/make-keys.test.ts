import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { makeKeys, readKey } from '../../../cli/federation/make-keys.ts';

test('keys are for their owner alone, and one more client changes none of the others', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-keys-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const files = await makeKeys(folder, 'clinics', ['north', 'south']);
  t.deepEqual(files, ['hub.key', 'client-north.key', 'client-south.key', 'accounts.conf']);
  for (const file of files.slice(0, 3)) {
    t.is((await stat(join(folder, file))).mode & 0o777, 0o600, file);
  }
  const seeds = await Promise.all(files.slice(0, 3).map((file) => readKey(join(folder, file))));
  t.is(new Set(seeds.map(String)).size, 3);
  const accounts = await readFile(join(folder, 'accounts.conf'), 'utf8');
  for (const seed of seeds) t.false(accounts.includes(Buffer.from(seed).toString()));
  await makeKeys(folder, 'clinics', ['north', 'south', 'west']);
  t.deepEqual(await readKey(join(folder, 'client-north.key')), seeds[1]);
  const more = await readFile(join(folder, 'accounts.conf'), 'utf8');
  const keysIn = (text: string) => [...text.matchAll(/nkey: (U\w+)/g)].map(([, key]) => key);
  t.deepEqual(keysIn(more).slice(0, 3), keysIn(accounts));
  t.is(keysIn(more).length, 4);
});

test('a client is given what is its own and what is for all, and nothing of another', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-keys-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await makeKeys(folder, 'clinics', ['north', 'south']);
  const accounts = await readFile(join(folder, 'accounts.conf'), 'utf8');
  const [, north = ''] = accounts.split('"ANNEAL_clinics_north" {\n');
  const imported = [...north.split('\n}\n')[0]!.matchAll(/subject: "([^"]*)"/g)].map(
    ([, subject]) => subject,
  );
  t.deepEqual(imported, [
    '$JS.API.DIRECT.GET.KV_anneal_federation_clinics.$KV.anneal_federation_clinics.hub',
    '$JS.API.DIRECT.GET.OBJ_anneal_federation_clinics',
    '$JS.API.DIRECT.GET.KV_anneal_federation_clinics.$KV.anneal_federation_clinics.turn.north',
    '$KV.anneal_federation_clinics.turn.north',
    '$O.anneal_federation_clinics_north.>',
    '$JS.API.STREAM.PURGE.OBJ_anneal_federation_clinics_north',
  ]);
});
