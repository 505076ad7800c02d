import test from 'ava';
import fc from 'fast-check';
import {
  parseStrictJson,
  type StrictJson,
  StrictJsonError,
} from '../../../worker/files/strict-json.ts';

const limits = { maxDepth: 64 };

function plain(value: StrictJson): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, each]) => [key, plain(each)]));
  }
  return Array.isArray(value) ? value.map(plain) : value;
}

test('what JSON.stringify prints is read back unchanged', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.json({ maxDepth: 5, noUnicodeString: false }), (text) => {
        t.deepEqual(plain(parseStrictJson(text, limits)), plainParse(text));
      }),
    ),
  );
});

/** `-0` is 0 in both; `__proto__` is an ordinary key in both. */
function plainParse(text: string): unknown {
  return JSON.parse(text, (_, value) => value);
}

test('any text is read like JSON.parse or refused by both', (t) => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '1',
    '-',
    'e',
    ' ',
    'null',
  );
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        const ours = attempt(() => plain(parseStrictJson(text, limits)));
        const theirs = attempt(() => JSON.parse(text));
        if (ours.error instanceof StrictJsonError && /twice/.test(ours.error.message)) return;
        t.is(ours.error === null, theirs.error === null, text);
        t.deepEqual(ours.value, theirs.value, text);
      }),
      { numRuns: 2000 },
    ),
  );
});

function attempt(read: () => unknown): { value: unknown; error: unknown } {
  try {
    return { value: read(), error: null };
  } catch (error) {
    return { value: null, error };
  }
}

test('a key that occurs twice is refused, also when it is spelled differently', (t) => {
  t.throws(() => parseStrictJson('{"a":1,"b":2,"a":3}', limits), { message: /"a" occurs twice/ });
  t.throws(() => parseStrictJson('{"a":1,"\\u0061":3}', limits), { message: /"a" occurs twice/ });
});

test('nesting has a limit, so that no file can exhaust the stack', (t) => {
  t.notThrows(() => parseStrictJson('[[[1]]]', { maxDepth: 3 }));
  t.throws(() => parseStrictJson('[[[[1]]]]', { maxDepth: 3 }), { message: /deeper than 3/ });
  t.throws(() => parseStrictJson('['.repeat(1_000_000), limits), { message: /deeper than 64/ });
});

test('the place of a mistake is named', (t) => {
  t.throws(() => parseStrictJson('{"a" 1}', limits), {
    message: 'character 5 is "1"; it must be ":"',
  });
  t.throws(() => parseStrictJson('[1', limits), {
    message: 'character 2 is the end; it must be "," or "]"',
  });
  t.throws(() => parseStrictJson('1 2', limits), { message: /character 2 is "2"; .*the end/ });
});
