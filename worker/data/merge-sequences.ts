// Sequences that pass through the model as one: documents stay apart as inside a sequence, so only
// the order of sums changes. Several short sequences at once make better use of the processor, and
// take more memory at a time.
import type { HostSequence } from '../engine/packed-sequence.ts';

/** Neighbours in groups of `size`, the last one smaller where it does not come out even. */
export function mergeSequences(
  sequences: readonly HostSequence[],
  size: number,
): readonly HostSequence[] {
  if (size === 1) return sequences;
  const groups = Array.from({ length: Math.ceil(sequences.length / size) }, (_, group) =>
    sequences.slice(group * size, (group + 1) * size),
  );
  return groups.map(merged);
}

/**
 * Random streams are those of the first sequence: a dropout mask covers the whole, so it differs
 * from that of two sequences.
 */
function merged(sequences: readonly HostSequence[]): HostSequence {
  const [first] = sequences;
  const offsets = [0];
  let tokens = 0;
  for (const sequence of sequences) {
    for (const offset of sequence.offsets.subarray(1)) offsets.push(tokens + offset);
    tokens += sequence.ids.length;
  }
  const joined = (field: 'ids' | 'labels' | 'positions'): Int32Array => {
    const whole = new Int32Array(tokens);
    let at = 0;
    for (const sequence of sequences) {
      whole.set(sequence[field], at);
      at += sequence.ids.length;
    }
    return whole;
  };
  return {
    ids: joined('ids'),
    labels: joined('labels'),
    positions: joined('positions'),
    offsets: Int32Array.from(offsets),
    targetCount: sequences.reduce((sum, { targetCount }) => sum + targetCount, 0),
    key: first?.key ?? 0,
  };
}
