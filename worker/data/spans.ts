// Target ranges of a text → target tokens. Tokenizers give no offsets, so the bytes of the tokens
// are aligned with the bytes of the text that they spell; every byte must be accounted for. A token
// that overlaps a target range is a target.

import { UnusableRecord } from '../files/unusable-record.ts';
import type { Range } from './sample.ts';
import { plainSpaces } from './token-bytes.ts';
import type { Piece, Tokenizer } from './tokenizer.ts';

interface TargetedTokens {
  readonly ids: readonly number[];
  /** One for each token: 1 for a target, else 0. */
  readonly targets: Uint8Array;
}

/**
 * `ranges` gives the target ranges, sorted and disjoint, in UTF-16 units of the text. Undefined for
 * a text of more than `most` tokens: the rest is not read, and `ranges` is not called.
 */
export function encodeWithRanges(
  text: string,
  ranges: () => readonly Range[],
  tokenizer: Tokenizer,
  most: number,
): TargetedTokens | undefined {
  const pieces = tokenizer.pieces(text, most);
  const ids = pieces.flatMap((piece) => piece.ids);
  if (ids.length > most) return undefined;
  const all = ranges();
  const targets = new Uint8Array(ids.length);
  let start = 0;
  let token = 0;
  for (const [index, piece] of pieces.entries()) {
    const end = start + piece.text.length;
    const inside = all
      .filter((range) => range.start < end && range.end > start)
      .map((range) => ({
        start: Math.max(0, range.start - start),
        end: Math.min(range.end, end) - start,
      }));
    mark(piece, inside, targets.subarray(token, token + piece.ids.length), tokenizer, index === 0);
    start = end;
    token += piece.ids.length;
  }
  return { ids, targets };
}

function mark(
  piece: Piece,
  ranges: readonly Range[],
  targets: Uint8Array,
  tokenizer: Tokenizer,
  first: boolean,
): void {
  const [range] = ranges;
  if (range === undefined) return;
  if (piece.spelled === undefined) {
    const own = ownText(piece, tokenizer);
    if (ranges.some(({ start, end }) => start < own.end && end > own.start)) targets.fill(1);
    return;
  }
  if (range.start === 0 && range.end === piece.text.length) {
    targets.fill(1);
    return;
  }
  const bytes = ranges.map(({ start, end }) => ({
    start: byteOffset(piece, piece.spelled ?? '', start, tokenizer, first),
    end: byteOffset(piece, piece.spelled ?? '', end, tokenizer, first),
  }));
  const lengths = consume(piece.ids, plainSpaces(piece.spelled), tokenizer);
  let at = 0;
  for (const [index, length] of lengths.entries()) {
    const next = at + length;
    if (bytes.some((span) => span.start < next && span.end > at)) targets[index] = 1;
    at = next;
  }
}

/** The range of an added token without the blanks that it stripped, which are never targets. */
function ownText({ text, ids }: Piece, tokenizer: Tokenizer): Range {
  const own = tokenizer.decode(ids);
  const start = Math.max(0, text.indexOf(own));
  return { start, end: start + own.length };
}

/** Offset of a position of the text in the bytes that the tokens spell. */
function byteOffset(
  { text }: Piece,
  spelled: string,
  position: number,
  tokenizer: Tokenizer,
  first: boolean,
): number {
  const plain = plainSpaces(spelled);
  const before = text.slice(0, position);
  if (plain === text) return Buffer.byteLength(before);
  // A sentencepiece text begins with an extra space, which belongs to the text after it.
  if (plain.length === text.length + 1 && plain.endsWith(text)) {
    return position === 0 ? 0 : Buffer.byteLength(before) + 1;
  }
  const spelledBefore = position === 0 ? '' : tokenizer.spelling(before, first);
  if (!spelled.startsWith(spelledBefore)) {
    throw new UnusableRecord(
      'has text that the tokenizer normalises across the edge of a target range',
    );
  }
  return Buffer.byteLength(plainSpaces(spelledBefore));
}

/** Bytes of each token; together they must be the bytes of the text. */
function consume(ids: readonly number[], text: string, tokenizer: Tokenizer): number[] {
  const bytes = Buffer.from(text);
  let at = 0;
  const lengths = ids.map((id) => {
    const token = tokenizer.bytesOf(id);
    for (const byte of token) {
      if (bytes[at] !== byte) throw notSpelled();
      at += 1;
    }
    return token.length;
  });
  if (at !== bytes.length) throw notSpelled();
  return lengths;
}

function notSpelled(): UnusableRecord {
  return new UnusableRecord('has text that the tokens of the vocabulary do not spell');
}
