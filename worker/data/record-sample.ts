// The records of one step under differential privacy: each is drawn by itself, with the same
// probability, so a step may have any number of them, or none. The account of privacy is of this
// way to draw; a permutation cut into batches of one size would need another.
import type { HostSequence } from '../engine/packed-sequence.ts';
import { drawsOf, type Stream } from '../tensor/streams.ts';
import type { Batch } from './batch.ts';
import type { Documents } from './documents.ts';
import { fillSequence } from './packed-sequences.ts';

/** Training records, each with the documents that were made of it. */
function byRecord(
  { sampleOf }: Pick<Documents, 'sampleOf'>,
  members: readonly number[],
): readonly (readonly number[])[] {
  const found = new Map<number, number[]>();
  for (const document of members) {
    const record = sampleOf(document);
    const own = found.get(record);
    if (own === undefined) found.set(record, [document]);
    else own.push(document);
  }
  return [...found.values()];
}

/** Numbers of the records of a step, ascending. */
export function poissonSample(records: number, rate: number, stream: Stream): readonly number[] {
  const draws = drawsOf(stream);
  const all = Array.from({ length: records }, (_, record) => record);
  return all.filter(() => draws.uniform() < rate);
}

/** A record is never joined with another: its gradient is clipped by itself. */
export function sampledRecords(
  documents: Documents,
  members: readonly number[],
  rate: number,
  stream: Stream,
): Omit<Batch, 'epoch'> {
  const records = byRecord(documents, members);
  const filled = poissonSample(records.length, rate, stream).map((record) =>
    (records[record] ?? []).map((document) => fillSequence(documents, [document], document)),
  );
  const sequences = filled.flat();
  const sum = (of: (sequence: HostSequence) => number) =>
    sequences.reduce((all, one) => all + of(one), 0);
  return {
    sequences,
    records: filled,
    targetTokens: sum(({ targetCount }) => targetCount),
    tokens: sum(({ ids }) => ids.length),
  };
}
