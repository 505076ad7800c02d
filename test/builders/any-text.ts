/**
 * Text of any characters, for properties. fast-check's own unit 'binary' is the same set; it writes
 * a table of a million characters before the first text, which takes longer than most properties
 * run.
 */
import fc from 'fast-check';

const surrogates = { first: 0xd800, count: 0x800 } as const;

const character = fc.nat({ max: 0x10_ffff - surrogates.count }).map(
  (n) => String.fromCodePoint(n < surrogates.first ? n : n + surrogates.count),
  (text) => numberOf(text),
);

export function anyText(constraints: { readonly maxLength?: number } = {}): fc.Arbitrary<string> {
  return fc.string({ unit: character, ...constraints });
}

/**
 * fast-check asks whether dangerous texts of its own (`__proto__`) are made of these characters.
 */
function numberOf(text: unknown): number {
  const point = typeof text === 'string' ? text.codePointAt(0) : undefined;
  const isWhole = point !== undefined && String.fromCodePoint(point) === text;
  const isSurrogate =
    isWhole && point >= surrogates.first && point < surrogates.first + surrogates.count;
  if (!isWhole || isSurrogate) throw new TypeError('not one character');
  return point < surrogates.first ? point : point - surrogates.count;
}
