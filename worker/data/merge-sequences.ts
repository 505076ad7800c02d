// Joins sequences for one pass through the model. Documents stay separate, as within a sequence, so
// only the order of sums changes. Several short sequences at once use the processor better, and
// take more memory.
import { Bug } from '../../crds/failures/errors.ts';
import type { HostSequence, HostTexts, HostValues } from '../engine/packed-sequence.ts';

/** Consecutive sequences in groups of `size`; the last may be smaller. */
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
 * The random streams are those of the first sequence: one dropout mask covers all, so it differs
 * from that of separate sequences.
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
  const texts = joinedTexts(sequences);
  const segments = joinedSegments(sequences, tokens);
  const values = joinedValues(sequences);
  return {
    ids: joined('ids'),
    labels: texts?.of === 'Pictures' ? labelsOfTexts(sequences) : joined('labels'),
    positions: joined('positions'),
    offsets: Int32Array.from(offsets),
    ...(segments !== undefined && { segments }),
    ...(values !== undefined && { values }),
    ...(texts !== undefined && { texts }),
    targetCount: sequences.reduce((sum, { targetCount }) => sum + targetCount, 0),
    key: first?.key ?? 0,
    documents: sequences.flatMap(({ documents }) => documents ?? []),
  };
}

/** Undefined where no sequence has a pair of texts. */
function joinedSegments(
  sequences: readonly HostSequence[],
  tokens: number,
): Uint8Array | undefined {
  if (sequences.every(({ segments }) => segments === undefined)) return undefined;
  const whole = new Uint8Array(tokens);
  let at = 0;
  for (const { ids, segments } of sequences) {
    if (segments !== undefined) whole.set(segments, at);
    at += ids.length;
  }
  return whole;
}

/** Those of classes once; undefined where no sequence has any. */
function joinedTexts(sequences: readonly HostSequence[]): HostTexts | undefined {
  const all = sequences.flatMap(({ texts }) => texts ?? []);
  const [first] = all;
  if (first?.of !== 'Pictures') return first;
  const offsets = [0];
  for (const { offsets: own } of all) {
    const from = offsets.at(-1) ?? 0;
    for (const offset of own.subarray(1)) offsets.push(from + offset);
  }
  const ids = Int32Array.from(all.flatMap((texts) => [...texts.ids]));
  return { ids, offsets: Int32Array.from(offsets), of: 'Pictures' };
}

/** Labels of pictures with a text each are the numbers of these in their sequence. */
function labelsOfTexts(sequences: readonly HostSequence[]): Int32Array {
  let before = 0;
  const all = sequences.map(({ labels, texts }) => {
    const from = before;
    before += (texts?.offsets.length ?? 1) - 1;
    return labels.map((label) => (label < 0 ? label : from + label));
  });
  return Int32Array.from(all.flatMap((labels) => [...labels]));
}

/** Undefined where documents have tokens alone. */
function joinedValues(sequences: readonly HostSequence[]): HostSequence['values'] {
  const [first] = sequences;
  if (first?.values === undefined) return undefined;
  const names = Object.keys(first.values);
  return Object.fromEntries(
    names.map((name) => [name, concatenated(sequences.map(({ values }) => values?.[name]))]),
  );
}

function concatenated(parts: readonly (HostValues | undefined)[]): HostValues {
  const shape = parts[0]?.shape ?? [];
  const arrays = parts.map((part) => {
    if (part === undefined || part.shape.join() !== shape.join()) {
      throw new Bug('documents of one step have values of several shapes');
    }
    return part.values;
  });
  const values = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of arrays) {
    values.set(part, at);
    at += part.length;
  }
  return { values, shape };
}
