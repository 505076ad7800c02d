// The sequence of bins of a whole training, as a function: which documents lie in which bin depends on the documents,
// the seed and the size of a bin, never on ranks or on where a run was stopped. An epoch is a permutation of the
// documents, cut into windows; the documents of a window are packed into bins, and the bins are permuted.
import { invariant } from '../../crds/failures/errors.ts';
import type { Documents } from './documents.ts';
import { permutation } from './order.ts';
import { packBins } from './pack.ts';

export interface LoaderPlan {
  readonly documents: Documents;
  /** Documents to learn from; the others are set aside. */
  readonly members: readonly number[];
  readonly seed: number | bigint;
  /** Tokens of a bin; undefined: a bin is one document. */
  readonly tokensPerBin: number | undefined;
  /** Bins of one step over all ranks. */
  readonly binsPerStep: number;
  /** Documents that are packed together. */
  readonly window?: number;
}

/** Where the next step begins. A hundred bytes in every checkpoint. */
export interface Cursor {
  readonly epoch: number;
  readonly window: number;
  /** Counts inside the window. */
  readonly bin: number;
  readonly seed: string;
  readonly storeDigest: string;
}

interface GlobalBatch {
  readonly bins: readonly PlannedBin[];
  /** Learned tokens of all bins: what every rank divides by. */
  readonly learnedTokens: number;
  readonly tokens: number;
  /** Epoch of the first bin. */
  readonly epoch: number;
  readonly next: Cursor;
}

interface PlannedBin {
  readonly documents: readonly number[];
  readonly lengths: readonly number[];
  /** Number of the bin in the whole training: names its random streams. */
  readonly key: number;
}

interface Loader {
  readonly start: Cursor;
  /** The global batch at a cursor. */
  readonly take: (cursor: Cursor) => GlobalBatch;
  /** The cursor of a step, counted from 0: packs all windows before it, without reading a token. */
  readonly seek: (step: number) => Cursor;
  /** Bins of one epoch. */
  readonly binsIn: (epoch: number) => number;
}

const documentsPerWindow = 65_536;

export function openLoader(plan: LoaderPlan): Loader {
  const { documents, members, binsPerStep } = plan;
  invariant(members.length > 0, 'no documents to learn from');
  invariant(binsPerStep > 0, 'a step without bins');
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
  const binsIn = (epoch: number) => {
    let bins = 0;
    for (let window = 0; window < windows; window += 1) bins += countIn(epoch, window);
    return bins;
  };
  /** The same place, with `bin` inside its window. */
  const settle = (epoch: number, window: number, bin: number): Cursor => {
    let place = { epoch, window, bin };
    for (let count = countIn(epoch, window); place.bin >= count; ) {
      const isLast = place.window + 1 === windows;
      place = {
        epoch: isLast ? place.epoch + 1 : place.epoch,
        window: isLast ? 0 : place.window + 1,
        bin: place.bin - count,
      };
      count = countIn(place.epoch, place.window);
    }
    return { ...place, ...name };
  };
  /** Bins before each window, windows of all epochs counted on; as far as anyone has asked. */
  const before = [0];
  /** The window of a bin of the whole training. */
  const placeOf = (bin: number): number => {
    while ((before.at(-1) ?? 0) <= bin) {
      const last = before.length - 1;
      before.push((before[last] ?? 0) + countIn(Math.floor(last / windows), last % windows));
    }
    return lastAtMost(before, bin);
  };
  const keyOf = (cursor: Cursor): number =>
    (cursor.epoch * windows + cursor.window) * windowSize + cursor.bin;
  return {
    start: { epoch: 0, window: 0, bin: 0, ...name },
    binsIn,
    seek: (step) => {
      const bin = step * binsPerStep;
      const place = placeOf(bin);
      const start = before[place] ?? 0;
      return settle(Math.floor(place / windows), place % windows, bin - start);
    },
    take: (cursor) => {
      checkCursor(cursor, name);
      const bins: PlannedBin[] = [];
      let at = settle(cursor.epoch, cursor.window, cursor.bin);
      while (bins.length < binsPerStep) {
        const bin = packed(at.epoch, at.window)[at.bin] ?? [];
        const lengths = bin.map(documents.lengthOf);
        bins.push({ documents: bin, lengths, key: keyOf(at) });
        at = settle(at.epoch, at.window, at.bin + 1);
      }
      return {
        bins,
        learnedTokens: sum(bins.flatMap((bin) => bin.documents.map(documents.learnedOf))),
        tokens: sum(bins.flatMap((bin) => bin.lengths)),
        epoch: cursor.epoch,
        next: at,
      };
    },
  };
}

/** Documents of each bin of a window, in the order of training. */
function packWindow(plan: LoaderPlan, epoch: number, window: number): number[][] {
  const { documents, members, seed, tokensPerBin } = plan;
  const size = plan.window ?? documentsPerWindow;
  const order = permutation(members.length, 'documents', seed, epoch);
  const chosen: number[] = [];
  const end = Math.min(members.length, (window + 1) * size);
  for (let place = window * size; place < end; place += 1) {
    chosen.push(members[order.at(place)] ?? 0);
  }
  if (tokensPerBin === undefined) return chosen.map((document) => [document]);
  const bins = packBins(chosen.map(documents.lengthOf), tokensPerBin);
  const shuffled = permutation(bins.length, 'bins', seed, epoch, window);
  return bins.map((_, place) =>
    (bins[shuffled.at(place)] ?? []).map((index) => chosen[index] ?? 0),
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
