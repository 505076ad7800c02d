// Word error rate: how many words must be substituted, left out or put in to make what was heard of
// what was said, for each word that was said. Sums over all clips, never a mean of their rates.

interface WordErrors {
  readonly errors: number;
  /** Of the references. */
  readonly words: number;
  /** Clips in which nothing is said: they have no rate, and what is heard there counts nowhere. */
  readonly emptyReferences: number;
  /** Errors a word; undefined without a word. May exceed 1. */
  readonly rate: number | undefined;
}

/**
 * The normaliser is Whisper's for all languages (Radford et al., 2022, appendix C; transformers'
 * BasicTextNormalizer): lower case, without what stands in brackets, and a space for every mark,
 * symbol and punctuation after NFKC. It spells no number out and keeps spelling variants apart;
 * "don't" is two words.
 */
export function normalizedWords(text: string): readonly string[] {
  const spoken = withoutEnclosed(withoutEnclosed(text.toLowerCase(), '<[', '>]', 0), '(', ')', 1);
  return spoken
    .normalize('NFKC')
    .replace(/[\p{M}\p{S}\p{P}]/gu, ' ')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
}

/**
 * Leaves out what stands from one of `opening` to the next of `closing`, if more than `least`
 * characters apart. One pass: an expression would look for the end again from each bracket.
 */
function withoutEnclosed(text: string, opening: string, closing: string, least: number): string {
  let [kept, from, open] = ['', 0, -1];
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (open < 0) {
      if (opening.includes(character)) open = at;
    } else if (closing.includes(character)) {
      if (at - open > least) {
        kept += text.slice(from, open);
        from = at + 1;
      }
      open = -1;
    }
  }
  return kept + text.slice(from);
}

/** Of normalised texts; the time is that of the product of the words of both. */
export function wordErrors(
  clips: Iterable<{ readonly reference: string; readonly heard: string }>,
): WordErrors {
  let [errors, words, emptyReferences] = [0, 0, 0];
  for (const clip of clips) {
    const reference = normalizedWords(clip.reference);
    if (reference.length === 0) {
      emptyReferences += 1;
      continue;
    }
    errors += distance(reference, normalizedWords(clip.heard));
    words += reference.length;
  }
  return { errors, words, emptyReferences, rate: words === 0 ? undefined : errors / words };
}

/** Levenshtein's, row by row. */
function distance(from: readonly string[], to: readonly string[]): number {
  let above = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (const [i, word] of from.entries()) {
    const row = [i + 1];
    for (const [j, other] of to.entries()) {
      const replaced = (above[j] ?? 0) + (word === other ? 0 : 1);
      row.push(Math.min(replaced, (above[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1));
    }
    above = row;
  }
  return above.at(-1) ?? 0;
}
