// A text, or a pair of texts, with its class → one document: tokens between the special tokens of
// the encoder, never divided.
import { classOf } from '../data/class-labels.ts';
import type { ClassSample } from '../data/sample.ts';
import type { SpecialTokens } from '../data/special-tokens.ts';
import type { Tokenizer } from '../data/tokenizer.ts';

export interface ClassRules {
  /** Names of the classes. */
  readonly labels: readonly string[];
  readonly specialTokens: SpecialTokens;
  /** Most tokens of a document, special ones included. */
  readonly sequenceLength: number;
  readonly overlength: 'Truncate' | 'Skip' | 'Fail';
}

interface ClassifiedDocument {
  readonly ids: readonly number[];
  /** One for each token: 1 for those of the second segment. */
  readonly marks: Uint8Array;
  readonly class: number;
}

type Classified =
  | { readonly document: ClassifiedDocument; readonly lost: number }
  | { readonly tooLong: number | 'more' };

/** Throws UnusableRecord for a label that is none of the classes. */
export function encodeClassified(
  { text, pair, label }: ClassSample,
  { labels, specialTokens, sequenceLength, overlength }: ClassRules,
  tokenizer: Tokenizer,
): Classified {
  const number = classOf(label, labels);
  const { around, surround } = specialTokens;
  const special = pair === undefined ? around.one : around.pair;
  const room = Math.max(0, sequenceLength - special);
  const most = overlength === 'Skip' ? room : Number.POSITIVE_INFINITY;
  const tokensOf = (part: string) => tokenizer.pieces(part, most).flatMap(({ ids }) => ids);
  const first = tokensOf(text);
  const second = pair === undefined || first.length > most ? undefined : tokensOf(pair);
  const tokens = first.length + (second?.length ?? 0);
  if (tokens > room && overlength !== 'Truncate') {
    return { tooLong: overlength === 'Skip' ? 'more' : tokens + special };
  }
  const kept = truncated(first.length, second?.length, room);
  const { ids, segments } = surround(first.slice(0, kept.first), second?.slice(0, kept.second));
  const lost = tokens - kept.first - kept.second;
  return { document: { ids, marks: segments, class: number }, lost };
}

/**
 * Tokens to keep of one text or two, at most `room` together: the longer loses its last ones until
 * both are equal, then both do. An odd one stays with the longer, and of equal texts with the
 * second: `longest_first` of the library behind transformers.
 */
export function truncated(
  first: number,
  second: number | undefined,
  room: number,
): { readonly first: number; readonly second: number } {
  if (second === undefined) return { first: Math.min(first, room), second: 0 };
  if (first + second <= room) return { first, second };
  const half = Math.floor(room / 2);
  const shorter = Math.min(first, second, half);
  const longer = room - shorter;
  return first > second ? { first: longer, second: shorter } : { first: shorter, second: longer };
}
