// Bins that pass through the model as one: documents stay apart as inside a bin, so only the order of sums changes. Several short
// bins at once make better use of the processor, and take more memory at a time.
import type { HostBin } from '../engine/packed-sequence.ts';

/** Neighbours in groups of `size`, the last one smaller where it does not come out even. */
export function mergeBins(bins: readonly HostBin[], size: number): readonly HostBin[] {
  if (size === 1) return bins;
  const groups = Array.from({ length: Math.ceil(bins.length / size) }, (_, group) =>
    bins.slice(group * size, (group + 1) * size),
  );
  return groups.map(merged);
}

/** Random streams are those of the first bin: a dropout mask covers the whole, so it differs from that of two bins. */
function merged(bins: readonly HostBin[]): HostBin {
  const [first] = bins;
  const offsets = [0];
  let tokens = 0;
  for (const bin of bins) {
    for (const offset of bin.offsets.subarray(1)) offsets.push(tokens + offset);
    tokens += bin.ids.length;
  }
  const joined = (field: 'ids' | 'labels' | 'positions'): Int32Array => {
    const whole = new Int32Array(tokens);
    let at = 0;
    for (const bin of bins) {
      whole.set(bin[field], at);
      at += bin.ids.length;
    }
    return whole;
  };
  return {
    ids: joined('ids'),
    labels: joined('labels'),
    positions: joined('positions'),
    offsets: Int32Array.from(offsets),
    learned: bins.reduce((sum, { learned }) => sum + learned, 0),
    key: first?.key ?? 0,
  };
}
