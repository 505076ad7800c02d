import test from 'ava';
import fc from 'fast-check';
import { readJsonArray } from '../../../worker/data/json-array.ts';
import type { Reading } from '../../../worker/data/reading.ts';

async function* inPieces(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string, size = 7, maxBytes?: number): Promise<Reading[]> {
  const all: Reading[] = [];
  for await (const reading of readJsonArray(inPieces(text, size), maxBytes)) all.push(reading);
  return all;
}

const valuesOf = (readings: readonly Reading[]) =>
  readings.map((reading) => ('value' in reading ? reading.value : reading.problem));

test('Any array gives its elements, however it is cut and spaced', async (t) => {
  const space = fc.constantFrom(undefined, 1, '\t', 2);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue({ maxDepth: 3 })),
      fc.integer({ min: 1, max: 40 }),
      space,
      async (values, size, indent) => {
        const text = JSON.stringify(values, null, indent);
        t.deepEqual(valuesOf(await read(text, size)), JSON.parse(text));
      },
    ),
    { numRuns: 300 },
  );
});

test('A file cut off anywhere gives its complete records and one problem', async (t) => {
  const records = [{ a: 'x"]}\\' }, { b: [1, { c: '}' }] }, { d: '\u00e9😀' }];
  const text = JSON.stringify(records, null, 1);
  for (let end = 0; end < Buffer.byteLength(text) - 1; end += 1) {
    const cut = Buffer.from(text).subarray(0, end);
    const all: Reading[] = [];
    for await (const reading of readJsonArray(pieces(cut))) all.push(reading);
    const values = valuesOf(all);
    const whole = values.slice(0, -1);
    t.deepEqual(whole, records.slice(0, whole.length), `${end}`);
    t.is(values.at(-1), 'is truncated: the file ends inside the array');
  }
});

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 5) yield bytes.subarray(at, at + 5);
}

test('Records know the line on which they begin', async (t) => {
  const readings = await read('\n[\n{"a":\n1},\n\n{"b": "\\n"}\n,3]\n');
  t.deepEqual(
    readings.map(({ line }) => line),
    [3, 6, 7],
  );
});

test('A damaged element costs itself alone', async (t) => {
  const readings = await read('[{"a": 1}, {"b": nul}, {"c": "\u{7}"}, {"d": 4}]');
  t.is(readings.length, 4);
  t.deepEqual(valuesOf(readings).slice(0, 1), [{ a: 1 }]);
  t.regex(String(valuesOf(readings)[1]), /^is not JSON: /);
  t.deepEqual(valuesOf(readings)[3], { d: 4 });
});

test('Bytes that are no UTF-8 cost their record alone', async (t) => {
  const bytes = Buffer.concat([Buffer.from('[{"a": "'), Buffer.of(0xff), Buffer.from('"}, 2]')]);
  const all: Reading[] = [];
  for await (const reading of readJsonArray(pieces(bytes))) all.push(reading);
  t.deepEqual(valuesOf(all), ['is not UTF-8 text', 2]);
});

test('A byte order mark is no part of the data', async (t) => {
  t.deepEqual(valuesOf(await read('\ufeff[1]')), [1]);
});

const ends = test.macro({
  title: (given = '') => given,
  async exec(t, text: string, problem: RegExp) {
    const readings = await read(text, 3, 64);
    const last = readings.at(-1);
    t.true(last !== undefined && 'ends' in last);
    t.regex(String(valuesOf(readings).at(-1)), problem);
  },
});
test('An object is no array', ends, '{"a": 1}', /has "{" where an array must begin/);
test('Two elements without a comma', ends, '[{} {}]', /has "{" where a comma or the end/);
test('Something behind the array', ends, '[1] x', /has "x" where the file must end/);
test('An element that never ends', ends, `["${'a'.repeat(200)}`, /more than 64 bytes/);
test('An empty file', ends, '', /is truncated/);

test('Keys that JavaScript knows stay plain data', async (t) => {
  const [first] = valuesOf(await read('[{"__proto__": {"polluted": 1}, "constructor": 2}]'));
  t.is(JSON.stringify(first), '{"__proto__":{"polluted":1},"constructor":2}');
  t.is(({} as { polluted?: number }).polluted, undefined);
});
