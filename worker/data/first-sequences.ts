import type { HostSequence } from '../engine/packed-sequence.ts';
import type { Feed } from './feed.ts';

/** The sequences of the first steps, of all ranks. */
export function firstSequences(feed: Feed, count: number): readonly HostSequence[] {
  const sequences: HostSequence[] = [];
  for (let position = 0; sequences.length < count; position += 1)
    sequences.push(...feed.allSequences(position));
  return sequences.slice(0, count);
}

/**
 * The sequences of the first steps, of all ranks, until each document was in one: later epochs have
 * the same documents in other company.
 */
export function* firstUses(
  feed: Pick<Feed, 'allSequences'>,
  positions: number,
): Generator<HostSequence> {
  const seen = new Set<number>();
  for (let position = 0; position < positions; position += 1) {
    for (const sequence of feed.allSequences(position)) {
      const { documents = [] } = sequence;
      if (documents.every((document) => seen.has(document))) continue;
      for (const document of documents) seen.add(document);
      yield sequence;
    }
  }
}
