// A digest that does not depend on key order or white space: SHA-256 over canonical JSON (RFC
// 8785).
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { invariant } from '../failures/errors.ts';

/** 64 hexadecimal digits. Undefined members count as absent, as in JSON. */
export function digestOf(value: unknown): string {
  return digestOfText(canonicalText(value));
}

/** The text that is digested. */
export function canonicalText(value: unknown): string {
  const text = canonicalize(value);
  invariant(text !== undefined, 'a digest needs a value that JSON can represent');
  return text;
}

export function digestOfText(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
