// Packs documents into sequences by best fit, longest first: each goes where it leaves the least
// room. Pure, so that every rank computes the same sequences.

/**
 * Documents of each sequence, as ascending indices into `lengths`. No length may exceed the
 * capacity.
 */
export function packSequences(lengths: readonly number[], capacity: number): number[][] {
  const order = [...lengths.keys()].sort((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0) || a - b);
  const sequences: number[][] = [];
  const room = new RoomIndex(capacity);
  for (const document of order) {
    const length = lengths[document] ?? 0;
    const fit = room.takeSmallest(length);
    if (fit === undefined) {
      sequences.push([document]);
      room.put(capacity - length, sequences.length - 1);
    } else {
      sequences[fit.sequence]?.push(document);
      room.put(fit.room - length, fit.sequence);
    }
  }
  return sequences.map((sequence) => sequence.sort((a, b) => a - b));
}

/**
 * Open sequences by remaining room: one bit for each size, in a tree of 32-bit words that finds the
 * next used size.
 */
class RoomIndex {
  readonly #sequences: (number[] | undefined)[] = [];
  readonly #levels: Uint32Array[] = [];

  constructor(capacity: number) {
    let size = capacity + 1;
    do {
      size = Math.ceil(size / 32);
      this.#levels.push(new Uint32Array(size));
    } while (size > 1);
  }

  put(room: number, sequence: number): void {
    const sequences = this.#sequences[room];
    if (sequences === undefined) this.#sequences[room] = [sequence];
    else sequences.push(sequence);
    if (sequences === undefined || sequences.length === 1) this.#mark(room, true);
  }

  /** Removes a sequence with the least room that is at least `length`. */
  takeSmallest(length: number): { readonly room: number; readonly sequence: number } | undefined {
    const room = this.#next(length);
    const sequences = room === undefined ? undefined : this.#sequences[room];
    const sequence = sequences?.pop();
    if (room === undefined || sequence === undefined) return undefined;
    if (sequences?.length === 0) this.#mark(room, false);
    return { room, sequence };
  }

  #mark(room: number, used: boolean): void {
    let index = room;
    for (const level of this.#levels) {
      const word = index >>> 5;
      const bit = 1 << (index & 31);
      const before = level[word] ?? 0;
      const after = (used ? before | bit : before & ~bit) >>> 0;
      level[word] = after;
      // In the levels above, a bit is set while its word has any.
      if ((before !== 0) === (after !== 0)) return;
      index = word;
    }
  }

  /** The smallest used size, from `from` on. */
  #next(from: number): number | undefined {
    let index = from;
    for (const [height, level] of this.#levels.entries()) {
      const word = index >>> 5;
      const found = lowestBit((level[word] ?? 0) & (-1 << (index & 31)));
      if (found >= 0) return this.#descend(word * 32 + found, height);
      index = word + 1;
    }
    return undefined;
  }

  #descend(start: number, height: number): number {
    let index = start;
    for (let level = height - 1; level >= 0; level -= 1) {
      index = index * 32 + lowestBit(this.#levels[level]?.[index] ?? 0);
    }
    return index;
  }
}

function lowestBit(word: number): number {
  return word === 0 ? -1 : 31 - Math.clz32(word & -word);
}
