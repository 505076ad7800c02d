// Documents → the arrays of one packed sequence: back to back, with positions restarting in each,
// and a label at every token. The last token of a document has no label, so no document predicts
// the next. Where documents have a class, the first token of each has it as its label; where every
// token has a target that is no label, or those that are named, their label is 0.
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
  restart(positions, offsets);
  const { classOf, everyToken = false, targetRowsOf } = documents;
  const rowsOf = targetRowsOf && ((document: number) => targetRowsOf(document, key));
  const targetCount = labelAll({ classOf, everyToken, rowsOf }, members, {
    ids,
    marks,
    offsets,
    labels,
  });
  return {
    ids,
    labels,
    positions,
    offsets: Int32Array.from(offsets),
    ...(classOf !== undefined && marks.includes(1) && { segments: marks }),
    ...(documents.valuesOf !== undefined && { values: documents.valuesOf(members, key) }),
    targetCount,
    key,
    documents: members,
  };
}

interface Filled {
  readonly ids: Int32Array;
  readonly marks: Uint8Array;
  readonly offsets: readonly number[];
  readonly labels: Int32Array;
}

interface Labelled extends Pick<Documents, 'classOf'> {
  readonly everyToken: boolean;
  readonly rowsOf: ((document: number) => readonly number[]) | undefined;
}

/** How many there are. */
function labelAll(
  { classOf, everyToken, rowsOf }: Labelled,
  members: readonly number[],
  { ids, marks, offsets, labels }: Filled,
): number {
  if (everyToken) {
    const tokens = offsets[members.length] ?? 0;
    labels.fill(0, 0, tokens);
    return tokens;
  }
  if (rowsOf !== undefined) return labelRows(members.map(rowsOf), offsets, labels);
  if (classOf === undefined) return labelNext(ids, marks, offsets, labels);
  return labelFirst(members.map(classOf), offsets, labels);
}

/** Labels the tokens of each document at these places with 0; how many there are. */
function labelRows(
  rows: readonly (readonly number[])[],
  offsets: readonly number[],
  labels: Int32Array,
): number {
  for (const [document, own] of rows.entries()) {
    for (const row of own) labels[(offsets[document] ?? 0) + row] = 0;
  }
  return rows.flat().length;
}

function restart(positions: Int32Array, offsets: readonly number[]): void {
  for (const [index, end] of offsets.slice(1).entries()) {
    const begin = offsets[index] ?? 0;
    for (let at = begin; at < end; at += 1) positions[at] = at - begin;
  }
}

/** Labels each token that is followed by a target with it; how many there are. */
function labelNext(
  ids: Int32Array,
  targets: Uint8Array,
  offsets: readonly number[],
  labels: Int32Array,
): number {
  let count = 0;
  for (const [index, end] of offsets.slice(1).entries()) {
    for (let at = offsets[index] ?? 0; at + 1 < end; at += 1) {
      if (targets[at + 1] === 0) continue;
      labels[at] = ids[at + 1] ?? ignored;
      count += 1;
    }
  }
  return count;
}

/** Labels the first token of each document with its class; how many there are. */
function labelFirst(
  classes: readonly number[],
  offsets: readonly number[],
  labels: Int32Array,
): number {
  for (const [index, number] of classes.entries()) labels[offsets[index] ?? 0] = number;
  return classes.length;
}
