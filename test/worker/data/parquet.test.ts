import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { systemClock } from '../../../crds/clock.ts';
import { readParquet } from '../../../worker/data/parquet.ts';
import type { Reading } from '../../../worker/data/reading.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const never = new AbortController().signal;

/**
 * Found by fuzzing: a run of equal values whose length, one damaged byte, is some hundred millions.
 */
const endlessRun =
  'UEFSMRUGFXY2FTZcFQgVABUIFQAVBBUAAAADDwMAAABvbmUDAAAAdHdvAwAAAAAAAPg/NgAAGRwVBhUAFf//AAACAAAAFqQBFgY2pAEAKAloeXBhcnF1ZXQZLBwAABwAAAC8AAAAUEFSMT0AAHR3bwAAAAAVBBksSARyb290FQIAFQwlAhgEdGV4dCUAABYIGRwZHCYIHBUMGRUAGRgEdGV4dBUAFgEWYBZgJgg8NgAoA3R3bxgAABkcFQYVABUCAAAAFmAWCDZgACgJaHlwYXJxdWV0GRwcAAAAZwAAAFBBUjE=';

async function readAll(readings: AsyncIterable<Reading>): Promise<Reading[]> {
  const all: Reading[] = [];
  for await (const reading of readings) all.push(reading);
  return all;
}

test('Rows of all groups come in order with their numbers, and every byte is reported', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'a.parquet');
  const data = Array.from({ length: 2000 }, (_, i) => `text ${i}`);
  const columnData = [{ name: 'text', data, type: 'STRING' as const }];
  await writeFile(path, new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 700 })));
  let bytes = 0;
  const readings = await readAll(
    readParquet({ path, about: 'Texts' }, (count) => (bytes += count), never),
  );
  t.deepEqual(
    readings,
    data.map((text, i) => ({ line: i + 1, value: { text } })),
  );
  t.true(bytes > 2000);
});

test('Columns that no shape of record reads are left in the file', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'a.parquet');
  const columnData = [
    { name: 'text', data: ['a'], type: 'STRING' as const },
    { name: 'embedding', data: [1.5], type: 'DOUBLE' as const },
  ];
  await writeFile(path, new Uint8Array(parquetWriteBuffer({ columnData })));
  const [first] = await readAll(readParquet({ path, about: 'Texts' }, () => {}, never));
  t.deepEqual(first, { line: 1, value: { text: 'a' } });
});

test('A file that makes the decoder run for ever is a problem with a reason', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'a.parquet');
  await writeFile(path, Buffer.from(endlessRun, 'base64'));
  const limits = { batchMs: 1000, heapMiB: 256, clock: systemClock };
  const readings = await readAll(readParquet({ path, about: 'Texts' }, () => {}, never, limits));
  t.is(readings.length, 1);
  // Which of the two comes first depends on the machine.
  t.regex(
    JSON.stringify(readings),
    /cannot be read as parquet: (no row came within 1 s|a row group needs more memory)/,
  );
});

test('An abort ends the thread of a file that would run for ever', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'a.parquet');
  await writeFile(path, Buffer.from(endlessRun, 'base64'));
  const abort = new AbortController();
  const reading = readAll(readParquet({ path, about: 'Texts' }, () => {}, abort.signal));
  abort.abort(new Error('enough'));
  await t.throwsAsync(reading, { message: 'enough' });
});

test('A file that is no parquet is a problem, not an error', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'a.parquet');
  await writeFile(path, 'no parquet at all');
  const [problem] = await readAll(readParquet({ path, about: 'Texts' }, () => {}, never));
  t.regex(JSON.stringify(problem), /"problem":"cannot be read as parquet: .+","ends":true/);
});
