// Documents → the arrays of one packed sequence: back to back, with positions restarting in each,
// and a label at every token. The last token of a document has no label, so no document predicts
// the next.
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { Documents } from './documents.ts';

/** The label of positions without a loss. */
export const ignored = -100;

/** `padTo` is the length of the arrays; padding is a document of its own without labels. */
export function fillSequence(
  documents: Documents,
  members: readonly number[],
  key: number,
  padTo?: number,
): HostSequence {
  const tokens = members.reduce((sum, document) => sum + documents.lengthOf(document), 0);
  const length = Math.max(tokens, padTo ?? 0);
  const ids = new Int32Array(length);
  const labels = new Int32Array(length).fill(ignored);
  const positions = new Int32Array(length);
  const marks = new Uint8Array(length);
  const offsets = [0];
  let start = 0;
  for (const document of members) {
    documents.copyTo(document, ids, marks, start);
    start += documents.lengthOf(document);
    offsets.push(start);
  }
  if (length > tokens) offsets.push(length);
  let targetCount = 0;
  for (const [index, end] of offsets.slice(1).entries()) {
    const begin = offsets[index] ?? 0;
    for (let at = begin; at < end; at += 1) {
      positions[at] = at - begin;
      if (at + 1 === end || marks[at + 1] === 0) continue;
      labels[at] = ids[at + 1] ?? ignored;
      targetCount += 1;
    }
  }
  return {
    ids,
    labels,
    positions,
    offsets: Int32Array.from(offsets),
    targetCount,
    key,
    documents: members,
  };
}
