// Bounded strings for the schema, and lists of words for its sentences.
import * as z from 'zod';

/**
 * A text with bounds; every string of the API has some, so that the API server can price its rules.
 * `words` complete the sentence "it must be ...".
 */
export function text(max: number, pattern?: RegExp, words?: string): z.ZodString {
  const bounded = z.string().min(1).max(max);
  return pattern === undefined ? bounded : bounded.regex(pattern, { error: words ?? '' });
}

/** A map with bounded keys and values, and at most `most` of them. */
export function mapOf<V extends z.ZodType>(
  key: z.ZodString,
  value: V,
  most: number,
): z.ZodRecord<z.ZodString, V> {
  return z
    .record(key, value)
    .refine((map) => Object.keys(map).length <= most, { error: 'too many keys' })
    .meta({ maxProperties: most });
}

/** "a, b or c" */
export function inWords(words: readonly string[], joint: 'and' | 'or'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${joint} ${words.at(-1)}`;
}
