// WordPiece: from the beginning of a word the longest token that is its start, then the longest
// that continues it, as BERT's vocabularies are used. A word that cannot be divided whole is one
// unknown token.
import type { EncodeWord } from './bpe.ts';
import type { WordPieceModel } from './tokenizer-definition.ts';

export function createWordPiece(model: WordPieceModel): EncodeWord {
  const { continuing_subword_prefix: prefix, max_input_chars_per_word: most } = model;
  const vocabulary = new Map(Object.entries(model.vocab));
  const unknown = vocabulary.get(model.unk_token);
  const asUnknown = unknown === undefined ? [] : [unknown];
  // No token is longer, so a word takes time in proportion to its length, whatever `most` says.
  let longest = 0;
  for (const token of vocabulary.keys()) longest = Math.max(longest, token.length);
  return (word) => {
    const characters = Array.from(word);
    if (characters.length > most) return [...asUnknown];
    const ids: number[] = [];
    for (let start = 0; start < characters.length; ) {
      let end = Math.min(characters.length, start + longest);
      let piece = (start === 0 ? '' : prefix) + characters.slice(start, end).join('');
      while (end > start && !vocabulary.has(piece)) {
        end -= 1;
        piece = piece.slice(0, piece.length - (characters[end]?.length ?? 0));
      }
      const id = vocabulary.get(piece);
      if (end === start || id === undefined) return [...asUnknown];
      ids.push(id);
      start = end;
    }
    return ids;
  };
}

/** Text of tokens: words with blanks between them, continuations joined to what they continue. */
export function joinWordPieces(tokens: readonly string[], prefix: string): string {
  return tokens
    .map((token, index) => {
      if (index === 0) return token;
      return prefix !== '' && token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
    })
    .join('');
}
