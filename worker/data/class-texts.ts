// The texts of classes that pictures are compared with, beside sequences of these.
import type { HostSequence, HostTexts } from '../engine/packed-sequence.ts';

interface ClassTexts {
  /** Of all texts; 0 where pictures are compared with none. */
  readonly textTokens: number;
  /** A sequence with the texts beside it. */
  readonly compared: (sequence: HostSequence) => HostSequence;
}

/** `classes`: tokens of the text of each; undefined for jobs that compare nothing. */
export function textsBeside(classes: readonly (readonly number[])[] | undefined): ClassTexts {
  if (classes === undefined) return { textTokens: 0, compared: (sequence) => sequence };
  const offsets = new Int32Array(classes.length + 1);
  for (const [i, { length }] of classes.entries()) offsets[i + 1] = (offsets[i] ?? 0) + length;
  const texts: HostTexts = { ids: Int32Array.from(classes.flat()), offsets, of: 'Classes' };
  return { textTokens: texts.ids.length, compared: (sequence) => ({ ...sequence, texts }) };
}
