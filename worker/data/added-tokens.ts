// Added tokens are matched before anything else, from left to right, the longest at each position.
// A token that strips also takes the blanks beside it.
import type { AddedToken } from './tokenizer-definition.ts';

interface Section {
  /** The text of this section, including blanks that its token strips. */
  readonly text: string;
  readonly id?: number;
}

type SplitSections = (text: string) => Section[];

/** `spell` gives the text that matches a token. */
export function splitAt(
  tokens: readonly AddedToken[],
  spell: (content: string) => string = (content) => content,
): SplitSections {
  if (tokens.length === 0) return (text) => [{ text }];
  const bySpelling = new Map(tokens.map((token) => [spell(token.content), token]));
  const longestFirst = [...bySpelling.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.map(escaped).join('|'), 'g');
  return (text) => {
    const sections: Section[] = [];
    let from = 0;
    for (const match of text.matchAll(pattern)) {
      const token = bySpelling.get(match[0]);
      if (token === undefined || match.index < from) continue;
      if (token.single_word && touchesWord(text, match.index, match[0].length)) continue;
      const start = token.lstrip ? Math.max(from, withoutBlanks(text, match.index)) : match.index;
      const after = text.slice(match.index + match[0].length);
      const end = text.length - (token.rstrip ? after.replace(blanksAtStart, '') : after).length;
      if (start > from) sections.push({ text: text.slice(from, start) });
      sections.push({ text: text.slice(start, end), id: token.id });
      from = end;
    }
    if (from < text.length) sections.push({ text: text.slice(from) });
    return sections;
  };
}

/**
 * Unicode's White_Space, all single UTF-16 units. JavaScript's trim differs: it takes U+FEFF and
 * leaves U+0085.
 */
const blanksAtStart = /^\p{White_Space}+/u;

/**
 * Where the blanks before `end` begin. A pattern would scan each run of blanks in the text
 * repeatedly.
 */
function withoutBlanks(text: string, end: number): number {
  let start = end;
  while (start > 0 && blanksAtStart.test(text.charAt(start - 1))) start -= 1;
  return start;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

function touchesWord(text: string, start: number, length: number): boolean {
  const before = text.slice(Math.max(0, start - 2), start);
  const after = text.slice(start + length, start + length + 2);
  return /[\p{L}\p{M}\p{N}_]$/u.test(before) || /^[\p{L}\p{M}\p{N}_]/u.test(after);
}
