import test from 'ava';
import fc from 'fast-check';
import type { Reading } from '../../../worker/data/reading.ts';
import { readText } from '../../../worker/data/text.ts';

async function read(bytes: Buffer, size: number, maxCharacters?: number): Promise<Reading[]> {
  async function* inPieces() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const all: Reading[] = [];
  for await (const reading of readText(inPieces(), maxCharacters)) all.push(reading);
  return all;
}

const textOf = (reading: Reading) =>
  'value' in reading ? (reading.value as { text: string }).text : '';

test('A short file is one document', async (t) => {
  t.deepEqual(await read(Buffer.from('a\n\nb\n'), 2), [{ line: 1, value: { text: 'a\n\nb\n' } }]);
  t.deepEqual(await read(Buffer.from(' \n'), 2), []);
});

test('A long file is cut into pieces that lose nothing and are never longer than allowed', async (t) => {
  const unit = fc.constantFrom('a', ' ', '\n', '\n\n', 'é', '😀', '日');
  const text = fc.string({ unit, minLength: 1, maxLength: 200 }).map((given) => `${given}.`);
  await fc.assert(
    fc.asyncProperty(text, fc.integer({ min: 2, max: 20 }), async (given, limit) => {
      const readings = await read(Buffer.from(given), 3, limit);
      const pieces = readings.map(textOf);
      t.is(pieces.join(''), given);
      t.true(pieces.every((piece) => piece.length <= limit && piece.isWellFormed()));
      for (const [index, { line }] of readings.entries()) {
        t.is(line, pieces.slice(0, index).join('').split('\n').length);
      }
    }),
    { numRuns: 200 },
  );
});

test('Pieces end at blank lines before they end at line ends', async (t) => {
  const readings = await read(Buffer.from('one\n\ntwo\nthree four'), 64, 12);
  t.deepEqual(readings.map(textOf), ['one\n\n', 'two\n', 'three four']);
});

test('Text that is no UTF-8 ends with a problem at its line', async (t) => {
  const readings = await read(Buffer.concat([Buffer.from('ab\n'), Buffer.of(0xff)]), 1, 2);
  t.deepEqual(readings.at(-1), { line: 1, problem: 'starts text that is not UTF-8', ends: true });
});
