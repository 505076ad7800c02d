import test from 'ava';
import fc from 'fast-check';
import { type JsonLimit, jsonLimits, parseJson, RefusedBytes } from '../../../crds/text/json.ts';

const wide: JsonLimit = { bytes: 2 ** 20, depth: 1000, values: 1e6 };
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Of a value that was parsed: lists and objects inside of each other. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test('what is within the limit is what JSON.parse gives, from text and from bytes', (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      for (const source of [text, bytesOf(text)]) {
        t.deepEqual(parseJson(source, wide), JSON.parse(text));
      }
    }),
  );
});

test('the depth that is refused is one more than the depth that is there', (t) => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const text = JSON.stringify(value, null, 1);
      const depth = depthOf(JSON.parse(text));
      t.notThrows(() => parseJson(text, { ...wide, depth }));
      if (depth > 0) t.throws(() => parseJson(text, { ...wide, depth: depth - 1 }), nests);
    }),
  );
});

const nests = { instanceOf: RefusedBytes, message: /^nests deeper than \d+ levels$/ };

test('brackets and commas inside of strings count for nothing', (t) => {
  const text = JSON.stringify({ a: '[{[{,,,,\\"[[', '\\": {': '"' });
  t.deepEqual(parseJson(text, { bytes: 100, depth: 1, values: 3 }), JSON.parse(text));
});

test('as many values as the limit are read, and one more is not', (t) => {
  const limit = { ...wide, values: 100 };
  const list = (length: number) => JSON.stringify(new Array(length).fill(0));
  t.notThrows(() => parseJson(list(99), limit));
  t.throws(() => parseJson(list(100), limit), { message: 'has more than 100 values' });
  const empties = `[${'{},'.repeat(60)}{}]`;
  t.throws(() => parseJson(empties, limit), { message: 'has more than 100 values' });
});

test('one byte too many is refused, also where characters are fewer than bytes', (t) => {
  const limit = { ...wide, bytes: 8 };
  t.is(parseJson('"äöü"', limit), 'äöü');
  t.throws(() => parseJson('"äöüa"', limit), { message: 'has 9 bytes; at most 8 are read' });
  t.throws(() => parseJson(new Uint8Array(9), limit), { message: /^has 9 bytes/ });
});

test('what is no JSON is refused, and its text stays out of the sentence', (t) => {
  for (const text of ['', '{"secret": tru', '[1,2', ']', '}}}', '"secret\\', '{"secret"', '\\']) {
    const error = t.throws(() => parseJson(text, wide), { instanceOf: RefusedBytes }, text);
    t.regex(error?.message ?? '', /^is not JSON: [a-z]/, text);
    t.notRegex(error?.message ?? '', /secret/, text);
  }
  t.throws(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22), wide), {
    message: 'is not UTF-8 text',
  });
});

test('any bytes end in a value or in a RefusedBytes', (t) => {
  const pieces = fc.constantFrom('[', ']', '{', '}', '"', '\\', ',', ':', '1', 'null', ' ', 'é');
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (words) => {
      const text = words.join('');
      try {
        t.deepEqual(parseJson(text, { ...wide, depth: 5, values: 20 }), JSON.parse(text));
      } catch (error) {
        t.true(error instanceof RefusedBytes, String(error));
      }
    }),
  );
});

test('a million nested brackets are refused at the limit of each kind of file', (t) => {
  for (const [name, limit] of Object.entries(jsonLimits)) {
    for (const bracket of ['[', '{"a":']) {
      const error = t.throws(() => parseJson(bracket.repeat(1e6), limit), nests, name);
      t.is(error?.message, `nests deeper than ${limit.depth} levels`);
    }
  }
});
