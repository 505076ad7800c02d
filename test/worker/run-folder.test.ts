import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import * as z from 'zod';
import { readRecord, requireRecord, writeRecord } from '../../worker/run-folder.ts';
import { temporaryFolder } from '../doubles/sources.ts';

const record = z.object({ version: z.literal(1), name: z.string() });
const value = { version: 1, name: 'a run' } as const;

test('a record comes back, and only the whole of it is ever seen', async (t) => {
  await using folder = await temporaryFolder();
  await writeRecord(folder.path, 'record.json', record, value);
  t.deepEqual(await readRecord(folder.path, 'record.json', record), value);
  await writeRecord(folder.path, 'record.json', record, { ...value, name: 'another' });
  t.is((await requireRecord(folder.path, 'record.json', record)).name, 'another');
  t.deepEqual(await readdir(folder.path), ['record.json']);
});

test('half a record that a kill left is no record, and the next one takes its place', async (t) => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'record.json.partial'), '{"version":1,"na');
  t.is(await readRecord(folder.path, 'record.json', record), null);
  await writeRecord(folder.path, 'record.json', record, value);
  t.deepEqual(await readRecord(folder.path, 'record.json', record), value);
});

test('where a record is missing the stage that needs it says so', async (t) => {
  await using folder = await temporaryFolder();
  t.is(await readRecord(folder.path, 'record.json', record), null);
  await t.throwsAsync(requireRecord(folder.path, 'record.json', record), {
    code: 'E_INTERNAL',
    message: `${join(folder.path, 'record.json')} is missing; an earlier stage writes it`,
  });
});

test('a record that is not what its schema says is neither written nor read', async (t) => {
  await using folder = await temporaryFolder();
  const wrong = { version: 2, name: 'a run' } as unknown as typeof value;
  await t.throwsAsync(writeRecord(folder.path, 'record.json', record, wrong));
  t.is(await readRecord(folder.path, 'record.json', record), null);
  await writeFile(join(folder.path, 'record.json'), '{"version":2}');
  await t.throwsAsync(readRecord(folder.path, 'record.json', record));
});

test('a record is text that people can read', async (t) => {
  await using folder = await temporaryFolder();
  await writeRecord(folder.path, 'record.json', record, value);
  const text = await readFile(join(folder.path, 'record.json'), 'utf8');
  t.is(text, '{\n  "version": 1,\n  "name": "a run"\n}\n');
});
