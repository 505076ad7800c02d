import test from 'ava';
import fc from 'fast-check';
import { readJsonLines } from '../../../worker/data/jsonl.ts';
import type { Reading } from '../../../worker/data/reading.ts';

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string | Buffer, size = 5, maxBytes?: number): Promise<Reading[]> {
  const all: Reading[] = [];
  const bytes = Buffer.from(text as string);
  for await (const reading of readJsonLines(inPieces(bytes, size), maxBytes)) all.push(reading);
  return all;
}

test('Any records come back with their lines, with both line ends, with and without the last', async (t) => {
  const end = fc.constantFrom('\n', '\r\n', '\n\n', '\n \t\r\n');
  const records = fc.array(fc.tuple(fc.jsonValue(), end));
  await fc.assert(
    fc.asyncProperty(
      records,
      fc.integer({ min: 1, max: 30 }),
      fc.boolean(),
      async (given, size, last) => {
        let line = 1;
        const expected = given.map(([value, between]) => {
          const reading = { line, value: JSON.parse(JSON.stringify(value)) };
          line += between.split('\n').length - 1;
          return reading;
        });
        const text = given.map(([value, between]) => JSON.stringify(value) + between).join('');
        t.deepEqual(await read(last ? text : text.trimEnd(), size), expected);
      },
    ),
    { numRuns: 200 },
  );
});

test('A line that is not JSON is a problem with its line, and the text stays out of it', async (t) => {
  const readings = await read('{"a": 1}\n{"secret": oops}\n[1,\n{"b": 2}\n');
  t.deepEqual(
    readings.map(({ line }) => line),
    [1, 2, 3, 4],
  );
  for (const index of [1, 2]) {
    const reading = readings[index];
    t.true(reading !== undefined && 'problem' in reading);
    t.regex(JSON.stringify(reading), /is not JSON/);
    t.notRegex(JSON.stringify(reading), /secret|oops/);
  }
});

test('A line that is too long is skipped in bounded memory, and the next one is read', async (t) => {
  const readings = await read(`{"a": 1}\n"${'x'.repeat(500)}"\n{"b": 2}`, 16, 100);
  t.deepEqual(readings, [
    { line: 1, value: { a: 1 } },
    { line: 2, problem: 'is longer than 100 bytes' },
    { line: 3, value: { b: 2 } },
  ]);
});

test('A last line that is too long is a problem too', async (t) => {
  t.deepEqual(await read('x'.repeat(200), 16, 100), [
    { line: 1, problem: 'is longer than 100 bytes' },
  ]);
});

test('A file cut off in a line gives the lines before it and one problem', async (t) => {
  const readings = await read('{"a": 1}\n{"b": "cut');
  t.deepEqual(readings[0], { line: 1, value: { a: 1 } });
  t.regex(JSON.stringify(readings[1]), /is not JSON: unterminated string/);
});

test('A byte order mark, bytes that are no UTF-8, and nothing at all', async (t) => {
  t.deepEqual(await read('\ufeff{"a": 1}'), [{ line: 1, value: { a: 1 } }]);
  const bytes = Buffer.concat([Buffer.of(0x22, 0xc3, 0x22, 0x0a), Buffer.from('1')]);
  t.deepEqual(await read(bytes), [
    { line: 1, problem: 'is not UTF-8 text' },
    { line: 2, value: 1 },
  ]);
  t.deepEqual(await read(''), []);
  t.deepEqual(await read('\n\n  \n'), []);
});
