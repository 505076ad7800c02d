// Bounded strings for the schema, and lists of words for its sentences.
import * as z from 'zod';

/**
 * For a string with a pattern: completes the sentence "it must be ...". The CRD shows it instead of
 * the pattern.
 */
export const wordsKey = 'x-anneal-words';

/**
 * A bounded string; every string of the API is bounded, so that the API server can estimate the
 * cost of its rules. `words` complete the sentence "it must be ...".
 */
export function text(max: number, pattern?: RegExp, words?: string): z.ZodString {
  const bounded = z.string().min(1).max(max);
  if (pattern === undefined) return bounded;
  return bounded.regex(pattern, { error: words ?? '' }).meta({ [wordsKey]: words });
}

/** Labels of letters and digits with hyphens between them, joined by dots. */
const subdomain = /^[a-z\d]+((\.|-+)[a-z\d]+)*$/;

/** A name of a Kubernetes object. */
export function objectName(max = 253): z.ZodString {
  return text(max, subdomain, 'the name of an object: small letters, digits, dots and hyphens');
}

/** A string literal of CEL. */
export function celText(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** A map with bounded keys and values, and at most `most` entries. */
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
