import type { HostSequence } from '../engine/packed-sequence.ts';
import type { Feed } from './feed.ts';

/** The sequences of the first steps, of all ranks. */
export function firstSequences(feed: Feed, count: number): readonly HostSequence[] {
  const sequences: HostSequence[] = [];
  for (let position = 0; sequences.length < count; position += 1)
    sequences.push(...feed.allSequences(position));
  return sequences.slice(0, count);
}
