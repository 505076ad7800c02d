import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import test from 'ava';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { Reading } from '../../../worker/data/reading.ts';
import { isRecordFile, readRecords } from '../../../worker/data/records.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const never = new AbortController().signal;

async function readFileOf(name: string, bytes: Uint8Array) {
  await using folder = await temporaryFolder();
  const path = join(folder.path, name);
  await writeFile(path, bytes);
  const readings: Reading[] = [];
  let read = 0;
  for await (const reading of readRecords(path, (count) => (read += count), never))
    readings.push(reading);
  return { readings, read };
}

const records = Array.from({ length: 300 }, (_, index) => ({ text: `record ${index}` }));
const lines = Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
const array = Buffer.from(JSON.stringify(records, null, 2));
const columnData = [
  { name: 'text', data: records.map(({ text }) => text), type: 'STRING' as const },
];

const reads = test.macro({
  title: (given = '') => given,
  async exec(t, name: string, bytes: Uint8Array) {
    const { readings, read } = await readFileOf(name, bytes);
    t.deepEqual(
      readings.map((reading) => ('value' in reading ? reading.value : reading.problem)),
      records,
    );
    t.true(read >= bytes.length / 2 && read <= 2 * bytes.length, `${read} of ${bytes.length}`);
  },
});
test('JSON lines', reads, 'a.jsonl', lines);
test('JSON lines that are called .json', reads, 'a.json', lines);
test('An array', reads, 'a.json', array);
test('An array that is called .jsonl', reads, 'a.jsonl', array);
test('Packed lines', reads, 'a.jsonl.gz', gzipSync(lines));
test(
  'Two packed pieces one after the other',
  reads,
  'a.jsonl.gz',
  Buffer.concat([gzipSync(lines.subarray(0, 5000)), gzipSync(lines.subarray(5000))]),
);
test('A packed array', reads, 'a.json.zst', zstdCompressSync(array));
test('Packed lines whose name does not say so', reads, 'a.jsonl', zstdCompressSync(lines));
test('Parquet', reads, 'a.parquet', new Uint8Array(parquetWriteBuffer({ columnData })));

test('A text file is one document', async (t) => {
  const { readings } = await readFileOf('a.txt', Buffer.from('[1]\n{'));
  t.deepEqual(readings, [{ line: 1, value: { text: '[1]\n{' } }]);
});

const truncated = test.macro({
  title: (given = '') => given,
  async exec(t, name: string, bytes: Uint8Array, whole: readonly unknown[]) {
    const { readings } = await readFileOf(name, bytes.subarray(0, Math.floor(bytes.length * 0.7)));
    t.true(readings.length > whole.length / 4);
    const last = readings.at(-1);
    t.true(last !== undefined && 'problem' in last);
    t.regex(JSON.stringify(last), /is truncated/);
    for (const [index, reading] of readings.slice(0, -1).entries()) {
      t.deepEqual('value' in reading ? reading.value : undefined, whole[index]);
    }
  },
});
// Enough text that a piece of the packed file unpacks to something.
const many = Array.from({ length: 60_000 }, (_, index) => ({ text: `${Math.sin(index)}` }));
const long = Buffer.from(many.map((record) => `${JSON.stringify(record)}\n`).join(''));
test(
  'A gzip file that is cut off gives what came before',
  truncated,
  'a.jsonl.gz',
  gzipSync(long),
  many,
);
test('An array that is cut off gives what came before', truncated, 'a.json', array, records);

test('A zstd file that is cut off ends with a problem', async (t) => {
  const packed = zstdCompressSync(long);
  const { readings } = await readFileOf('a.jsonl.zst', packed.subarray(0, packed.length - 100));
  t.regex(JSON.stringify(readings.at(-1)), /is truncated/);
});

test('Files of records are known by their names', (t) => {
  const yes = ['a.jsonl', 'b/c.JSON', 'd.parquet', 'e.txt', 'f.jsonl.gz', 'g.json.zst', 'h.ndjson'];
  const no = ['README.md', 'a.csv', 'b.bin', 'c.jsonl.zip', 'json'];
  t.deepEqual([...yes, ...no].filter(isRecordFile), yes);
});

test('A file that is not there is an error of the disk, not of the data', async (t) => {
  const readings = readRecords(join('no', 'such', 'file.jsonl'), () => {}, never);
  await t.throwsAsync(() => readings.next(), { code: 'ENOENT' });
});

test('Aborting stops the reading', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'a.jsonl');
  await writeFile(path, long);
  const abort = new AbortController();
  const readings = readRecords(path, () => {}, abort.signal);
  await readings.next();
  abort.abort(new Error('enough'));
  const read = async () => {
    for await (const _ of readings);
  };
  await t.throwsAsync(read, { message: 'enough' });
});
