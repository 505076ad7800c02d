// The sequence of sequences of a whole training, as a function: which documents lie in which
// sequence depends on the documents, the seed and the size of a sequence, never on ranks or on
// where a run was stopped. An epoch is a permutation of the documents, cut into windows; the
// documents of a window are packed into sequences, and the sequences are permuted.
import { invariant } from '../../crds/failures/errors.ts';
import type { Documents } from './documents.ts';
import { permutation } from './order.ts';
import { packSequences } from './pack.ts';

export interface LoaderPlan {
  readonly documents: Documents;
  /** Documents to learn from; the others are set aside. */
  readonly members: readonly number[];
  readonly seed: number | bigint;
  /** Tokens of a sequence; undefined: a sequence is one document. */
  readonly tokensPerSequence: number | undefined;
  /** Sequences of one step over all ranks. */
  readonly sequencesPerStep: number;
  /** Documents that are packed together. */
  readonly window?: number;
}

/** Where the next step begins. A hundred bytes in every checkpoint. */
export interface Cursor {
  readonly epoch: number;
  readonly window: number;
  /** Counts inside the window. */
  readonly sequence: number;
  readonly seed: string;
  readonly storeDigest: string;
}

interface GlobalBatch {
  readonly sequences: readonly PlannedSequence[];
  /** Target tokens of all sequences: what every rank divides by. */
  readonly targetTokens: number;
  readonly tokens: number;
  /** Epoch of the first sequence. */
  readonly epoch: number;
  readonly next: Cursor;
}

interface PlannedSequence {
  readonly documents: readonly number[];
  readonly lengths: readonly number[];
  /** Number of the sequence in the whole training: names its random streams. */
  readonly key: number;
}

interface Loader {
  readonly start: Cursor;
  /** The global batch at a cursor. */
  readonly take: (cursor: Cursor) => GlobalBatch;
  /** The cursor of a step, counted from 0: packs all windows before it, without reading a token. */
  readonly seek: (step: number) => Cursor;
  /** Sequences of one epoch. */
  readonly sequencesIn: (epoch: number) => number;
}

const documentsPerWindow = 65_536;

export function openLoader(plan: LoaderPlan): Loader {
  const { documents, members, sequencesPerStep } = plan;
  invariant(members.length > 0, 'no documents to learn from');
  invariant(sequencesPerStep > 0, 'a step without sequences');
  const name = { seed: String(plan.seed), storeDigest: documents.digest };
  const windowSize = plan.window ?? documentsPerWindow;
  const windows = Math.ceil(members.length / windowSize);
  const packed = rememberLast((epoch: number, window: number) => packWindow(plan, epoch, window));
  const counts = new Map<string, number>();
  const countIn = (epoch: number, window: number): number => {
    const key = `${epoch}/${window}`;
    const count = counts.get(key) ?? packed(epoch, window).length;
    counts.set(key, count);
    return count;
  };
  const sequencesIn = (epoch: number) => {
    let sequences = 0;
    for (let window = 0; window < windows; window += 1) sequences += countIn(epoch, window);
    return sequences;
  };
  /** The same place, with `sequence` inside its window. */
  const settle = (epoch: number, window: number, sequence: number): Cursor => {
    let place = { epoch, window, sequence };
    for (let count = countIn(epoch, window); place.sequence >= count; ) {
      const isLast = place.window + 1 === windows;
      place = {
        epoch: isLast ? place.epoch + 1 : place.epoch,
        window: isLast ? 0 : place.window + 1,
        sequence: place.sequence - count,
      };
      count = countIn(place.epoch, place.window);
    }
    return { ...place, ...name };
  };
  /** Sequences before each window, windows of all epochs counted on; as far as anyone has asked. */
  const before = [0];
  /** The window of a sequence of the whole training. */
  const placeOf = (sequence: number): number => {
    while ((before.at(-1) ?? 0) <= sequence) {
      const last = before.length - 1;
      before.push((before[last] ?? 0) + countIn(Math.floor(last / windows), last % windows));
    }
    return lastAtMost(before, sequence);
  };
  const keyOf = (cursor: Cursor): number =>
    (cursor.epoch * windows + cursor.window) * windowSize + cursor.sequence;
  return {
    start: { epoch: 0, window: 0, sequence: 0, ...name },
    sequencesIn,
    seek: (step) => {
      const sequence = step * sequencesPerStep;
      const place = placeOf(sequence);
      const start = before[place] ?? 0;
      return settle(Math.floor(place / windows), place % windows, sequence - start);
    },
    take: (cursor) => {
      checkCursor(cursor, name);
      const sequences: PlannedSequence[] = [];
      let at = settle(cursor.epoch, cursor.window, cursor.sequence);
      while (sequences.length < sequencesPerStep) {
        const sequence = packed(at.epoch, at.window)[at.sequence] ?? [];
        const lengths = sequence.map(documents.lengthOf);
        sequences.push({ documents: sequence, lengths, key: keyOf(at) });
        at = settle(at.epoch, at.window, at.sequence + 1);
      }
      return {
        sequences,
        targetTokens: sum(
          sequences.flatMap((sequence) => sequence.documents.map(documents.targetTokensOf)),
        ),
        tokens: sum(sequences.flatMap((sequence) => sequence.lengths)),
        epoch: cursor.epoch,
        next: at,
      };
    },
  };
}

/** Documents of each sequence of a window, in the order of training. */
function packWindow(plan: LoaderPlan, epoch: number, window: number): number[][] {
  const { documents, members, seed, tokensPerSequence } = plan;
  const size = plan.window ?? documentsPerWindow;
  const order = permutation(members.length, 'documents', seed, epoch);
  const chosen: number[] = [];
  const end = Math.min(members.length, (window + 1) * size);
  for (let place = window * size; place < end; place += 1) {
    chosen.push(members[order.at(place)] ?? 0);
  }
  if (tokensPerSequence === undefined) return chosen.map((document) => [document]);
  const sequences = packSequences(chosen.map(documents.lengthOf), tokensPerSequence);
  const shuffled = permutation(sequences.length, 'bins', seed, epoch, window);
  return sequences.map((_, place) =>
    (sequences[shuffled.at(place)] ?? []).map((index) => chosen[index] ?? 0),
  );
}

function checkCursor(cursor: Cursor, name: Pick<Cursor, 'seed' | 'storeDigest'>): void {
  invariant(cursor.seed === name.seed, `cursor of seed ${cursor.seed} in data of ${name.seed}`);
  invariant(
    cursor.storeDigest === name.storeDigest,
    `cursor of the data ${cursor.storeDigest} in the data ${name.storeDigest}`,
  );
}

function rememberLast<T>(compute: (epoch: number, window: number) => T) {
  let last: { readonly epoch: number; readonly window: number; readonly value: T } | undefined;
  return (epoch: number, window: number): T => {
    if (last?.epoch !== epoch || last.window !== window) {
      last = { epoch, window, value: compute(epoch, window) };
    }
    return last.value;
  };
}

/** Index of the last value that is at most `limit`, of ascending values. */
function lastAtMost(values: readonly number[], limit: number): number {
  let low = 0;
  let high = values.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) <= limit) low = middle;
    else high = middle;
  }
  return low;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
