import test from 'ava';
import fc from 'fast-check';
import { TextOut } from '../../../worker/serve/text-out.ts';

/** What comes of a text whose tokens are single bytes, or some bytes together. */
function said(text: string, stops: readonly string[], size: number) {
  const bytes = Buffer.from(text);
  const tokens = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
  const out = new TextOut((id) => tokens[id] ?? new Uint8Array(), stops);
  const pieces: string[] = [];
  for (const id of tokens.keys()) {
    if (out.isOver) break;
    pieces.push(out.add(id));
  }
  if (!out.isOver) pieces.push(out.end());
  return { pieces, text: pieces.join(''), isOver: out.isOver };
}

const short = fc.string({ unit: fc.constantFrom('a', 'b', 'ß', '🦊'), maxLength: 12 });
const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'ß'), minLength: 1, maxLength: 3 });

test('pieces are the text before the first stop string, wherever tokens are cut', (t) => {
  fc.assert(
    fc.property(
      short,
      fc.array(stop, { maxLength: 3 }),
      fc.integer({ min: 1, max: 5 }),
      (text, stops, size) => {
        const found = said(text, stops, size);
        // The first to be whole ends it: of those that end at one byte, the one that began first.
        const ends = stops.flatMap((one) => (text.includes(one) ? [text.indexOf(one)] : []));
        t.is(found.isOver, ends.length > 0);
        if (ends.length === 0) t.is(found.text, text);
        else if (size === 1 || ends.length === 1) {
          t.true(text.startsWith(found.text));
          t.false(stops.some((one) => found.text.includes(one)));
        }
        t.false(found.text.includes('\u{fffd}'));
      },
    ),
    { numRuns: 2000 },
  );
});

test('what may become a stop string is held back until it does or does not', (t) => {
  t.deepEqual(said('xENy', ['END'], 1).pieces, ['x', '', '', 'ENy', '']);
  t.deepEqual(said('xEND', ['END'], 1).pieces, ['x', '', '', '']);
  t.deepEqual(said('xEN', ['END'], 1).pieces, ['x', '', '', 'EN']);
});

test('a character of several tokens comes whole, and one that is cut off as a mark', (t) => {
  t.deepEqual(said('🦊', [], 1).pieces, ['', '', '', '🦊', '']);
  const out = new TextOut(() => Uint8Array.of(0xf0), []);
  t.is(out.add(0) + out.end(), '\u{fffd}');
});
