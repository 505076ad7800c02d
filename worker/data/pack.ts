// Documents → bins by best fit, longest first: each document goes where it leaves least room. Pure, so that every rank
// computes the same bins.

/** Documents of each bin, by their place in `lengths`, in ascending order. No length may exceed the capacity. */
export function packBins(lengths: readonly number[], capacity: number): number[][] {
  const order = [...lengths.keys()].sort((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0) || a - b);
  const bins: number[][] = [];
  const room = new RoomIndex(capacity);
  for (const place of order) {
    const length = lengths[place] ?? 0;
    const fit = room.takeSmallest(length);
    if (fit === undefined) {
      bins.push([place]);
      room.put(capacity - length, bins.length - 1);
    } else {
      bins[fit.bin]?.push(place);
      room.put(fit.room - length, fit.bin);
    }
  }
  return bins.map((bin) => bin.sort((a, b) => a - b));
}

/** Open bins by the room that they have left: a bit a size, in a tree of words of 32, finds the next size that is used. */
class RoomIndex {
  readonly #bins: (number[] | undefined)[] = [];
  readonly #levels: Uint32Array[] = [];

  constructor(capacity: number) {
    let size = capacity + 1;
    do {
      size = Math.ceil(size / 32);
      this.#levels.push(new Uint32Array(size));
    } while (size > 1);
  }

  put(room: number, bin: number): void {
    const bins = this.#bins[room];
    if (bins === undefined) this.#bins[room] = [bin];
    else bins.push(bin);
    if (bins === undefined || bins.length === 1) this.#mark(room, true);
  }

  /** Takes out a bin with the least room that is at least `length`. */
  takeSmallest(length: number): { readonly room: number; readonly bin: number } | undefined {
    const room = this.#next(length);
    const bins = room === undefined ? undefined : this.#bins[room];
    const bin = bins?.pop();
    if (room === undefined || bin === undefined) return undefined;
    if (bins?.length === 0) this.#mark(room, false);
    return { room, bin };
  }

  #mark(room: number, used: boolean): void {
    let index = room;
    for (const level of this.#levels) {
      const word = index >>> 5;
      const bit = 1 << (index & 31);
      const before = level[word] ?? 0;
      const after = (used ? before | bit : before & ~bit) >>> 0;
      level[word] = after;
      // Above, a word counts as used while any of its bits is.
      if ((before !== 0) === (after !== 0)) return;
      index = word;
    }
  }

  /** The smallest used size from `from` on. */
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
