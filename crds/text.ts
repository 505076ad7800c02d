// Bounded strings for the schema, and lists of words for its sentences.
import * as z from 'zod';

/** A text with bounds; every string of the API has some, so that the API server can price its rules. */
export function text(max: number, pattern?: RegExp): z.ZodString {
  const bounded = z.string().min(1).max(max);
  return pattern === undefined ? bounded : bounded.regex(pattern);
}

/** "a, b or c" */
export function inWords(words: readonly string[], joint: 'and' | 'or'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${joint} ${words.at(-1)}`;
}
