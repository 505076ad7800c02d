// The order of all sequences of a training run, as a pure function: which documents a sequence
// contains depends on the documents, the seed and the sequence length, never on ranks or on where a
// run was resumed. An epoch is a permutation of the documents, divided into windows; the documents
// of a window are packed into sequences, and the sequences are permuted.
import { invariant } from '../../crds/failures/errors.ts';
import type { Documents } from './documents.ts';
import { permutation } from './order.ts';
import { packSequences } from './pack.ts';

export interface LoaderPlan {
  readonly documents: Documents;
  /** Documents to train on; the others are held out. */
  readonly members: readonly number[];
  readonly seed: number | bigint;
  /** Tokens of a packed sequence; undefined: one document a sequence. */
  readonly tokensPerSequence: number | undefined;
  /** Sequences of one step over all ranks. */
  readonly sequencesPerStep: number;
  /** Documents of one window. */
  readonly window?: number;
}

/** Where the next step begins; a hundred bytes in each checkpoint. */
export interface Cursor {
  readonly epoch: number;
  readonly window: number;
  /** Index within the window. */
  readonly sequence: number;
  readonly seed: string;
  readonly storeDigest: string;
}

interface GlobalBatch {
  readonly sequences: readonly PlannedSequence[];
  /** Target tokens of all sequences, by which every rank divides its loss. */
  readonly targetTokens: number;
  readonly tokens: number;
  /** Epoch of the first sequence. */
  readonly epoch: number;
  readonly next: Cursor;
}

export interface PlannedSequence {
  readonly documents: readonly number[];
  readonly lengths: readonly number[];
  /** Index of the sequence in the whole training run; names its random streams. */
  readonly key: number;
  readonly epoch: number;
}

interface Loader {
  readonly start: Cursor;
  /** The global batch at a cursor. */
  readonly take: (cursor: Cursor) => GlobalBatch;
  /** The cursor of a step, from 0; packs all windows before it without reading tokens. */
  readonly seek: (step: number) => Cursor;
  /** Sequences of one epoch. */
  readonly sequencesIn: (epoch: number) => number;
}

const documentsPerWindow = 65_536;

export function openLoader(plan: LoaderPlan): Loader {
  const { documents, members, sequencesPerStep } = plan;
  invariant(members.length > 0, 'no documents to train on');
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
  /** The same position with `sequence` inside its window. */
  const settle = (epoch: number, window: number, sequence: number): Cursor => {
    let cursor = { epoch, window, sequence };
    for (let count = countIn(epoch, window); cursor.sequence >= count; ) {
      const isLast = cursor.window + 1 === windows;
      cursor = {
        epoch: isLast ? cursor.epoch + 1 : cursor.epoch,
        window: isLast ? 0 : cursor.window + 1,
        sequence: cursor.sequence - count,
      };
      count = countIn(cursor.epoch, cursor.window);
    }
    return { ...cursor, ...name };
  };
  /** Sequences before each window, counted over all epochs; extended on demand. */
  const before = [0];
  /** The window of a sequence, counted over all epochs. */
  const windowOf = (sequence: number): number => {
    while ((before.at(-1) ?? 0) <= sequence) {
      const last = before.length - 1;
      before.push((before[last] ?? 0) + countIn(Math.floor(last / windows), last % windows));
    }
    return lastAtMost(before, sequence);
  };
  const targetsOf = ({ documents: own, key }: PlannedSequence): number =>
    sum(own.map((document) => documents.targetTokensOf(document, key)));
  const keyOf = (cursor: Cursor): number =>
    (cursor.epoch * windows + cursor.window) * windowSize + cursor.sequence;
  return {
    start: { epoch: 0, window: 0, sequence: 0, ...name },
    sequencesIn,
    seek: (step) => {
      const sequence = step * sequencesPerStep;
      const window = windowOf(sequence);
      const start = before[window] ?? 0;
      return settle(Math.floor(window / windows), window % windows, sequence - start);
    },
    take: (cursor) => {
      checkCursor(cursor, name);
      const sequences: PlannedSequence[] = [];
      let at = settle(cursor.epoch, cursor.window, cursor.sequence);
      while (sequences.length < sequencesPerStep) {
        const sequence = packed(at.epoch, at.window)[at.sequence] ?? [];
        const lengths = sequence.map(documents.lengthOf);
        sequences.push({ documents: sequence, lengths, key: keyOf(at), epoch: at.epoch });
        at = settle(at.epoch, at.window, at.sequence + 1);
      }
      return {
        sequences,
        targetTokens: sum(sequences.map(targetsOf)),
        tokens: sum(sequences.flatMap((sequence) => sequence.lengths)),
        epoch: cursor.epoch,
        next: at,
      };
    },
  };
}

/** Documents of each sequence of a window, in training order. */
function packWindow(plan: LoaderPlan, epoch: number, window: number): number[][] {
  const { documents, members, seed, tokensPerSequence } = plan;
  const size = plan.window ?? documentsPerWindow;
  const order = permutation(members.length, 'documents', seed, epoch);
  const chosen: number[] = [];
  const end = Math.min(members.length, (window + 1) * size);
  for (let position = window * size; position < end; position += 1) {
    chosen.push(members[order.at(position)] ?? 0);
  }
  if (tokensPerSequence === undefined) return chosen.map((document) => [document]);
  const sequences = packSequences(chosen.map(documents.lengthOf), tokensPerSequence);
  const shuffled = permutation(sequences.length, 'bins', seed, epoch, window);
  return sequences.map((_, position) =>
    (sequences[shuffled.at(position)] ?? []).map((index) => chosen[index] ?? 0),
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

/** Index of the last of ascending values that is at most `limit`. */
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
