// A digest that does not depend on the order of keys or on spaces: SHA-256 over canonical JSON (RFC
// 8785).
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { invariant } from '../failures/errors.ts';

/** 64 hexadecimal digits. Undefined members count as absent, as in JSON. */
export function digestOf(value: unknown): string {
  return digestOfText(canonicalText(value));
}

/** The text whose digest it is. */
export function canonicalText(value: unknown): string {
  const text = canonicalize(value);
  invariant(text !== undefined, 'a digest was asked of something that JSON cannot say');
  return text;
}

export function digestOfText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
