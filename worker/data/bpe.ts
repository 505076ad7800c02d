// Byte-pair encoding of one word: merges the best ranked pair of neighbours, the leftmost of
// equals, until no pair has a rank. The library does the same with strings and took about twenty
// times as long on real text; tests compare with it. A heap of candidates makes it n log n.

interface BpeTable {
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Pairs of tokens, best first. */
  readonly merges: readonly (readonly [string, string])[];
  /** A word that is itself a token is never split. */
  readonly wholeWordsFirst: boolean;
  /** Characters without a token become the tokens <0x00> to <0xFF> of their bytes. */
  readonly byteFallback: boolean;
  readonly unknown: number | undefined;
  /** Consecutive unknown characters become one unknown token. */
  readonly fuseUnknown: boolean;
  /** What the last character of a word is followed by in its token, as in CLIP. @default nothing */
  readonly endOfWord?: string;
}

export type EncodeWord = (word: string) => number[];

export function createBpe(table: BpeTable): EncodeWord {
  const { vocabulary } = table;
  const ids = [...vocabulary.values()];
  const stride = ids.reduce((most, id) => Math.max(most, id), 0) + 1;
  const ranks = new Map<number, number>();
  const joined = new Uint32Array(table.merges.length);
  for (const [rank, [left, right]] of table.merges.entries()) {
    const a = vocabulary.get(left);
    const b = vocabulary.get(right);
    const whole = vocabulary.get(left + right);
    // A merge that involves strings outside of the vocabulary can never apply.
    if (a === undefined || b === undefined || whole === undefined) continue;
    ranks.set(a * stride + b, rank);
    joined[rank] = whole;
  }
  const rankOf = (a: number, b: number) => ranks.get(a * stride + b);
  return (word) => {
    const whole = table.wholeWordsFirst ? vocabulary.get(word) : undefined;
    if (whole !== undefined) return [whole];
    return merge(symbolsOf(word, table), rankOf, joined);
  };
}

function symbolsOf(word: string, table: BpeTable): number[] {
  const symbols: number[] = [];
  const characters = [...word];
  const last = characters.pop();
  if (last !== undefined) characters.push(`${last}${table.endOfWord ?? ''}`);
  for (const character of characters) {
    const id = table.vocabulary.get(character);
    if (id !== undefined) symbols.push(id);
    else symbols.push(...spell(character, table, symbols.at(-1)));
  }
  return symbols;
}

function spell(character: string, table: BpeTable, last: number | undefined): number[] {
  const bytes = table.byteFallback ? [...Buffer.from(character)] : [];
  const ids = bytes.map((byte) => table.vocabulary.get(byteToken(byte)));
  if (ids.length > 0 && ids.every((id) => id !== undefined)) return ids;
  const { unknown, fuseUnknown } = table;
  return unknown === undefined || (fuseUnknown && last === unknown) ? [] : [unknown];
}

function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

const gone = -1;

/** Merges neighbours in place: `next` and `before` link the remaining symbols. */
function merge(
  symbols: number[],
  rankOf: (a: number, b: number) => number | undefined,
  joined: Uint32Array,
): number[] {
  const length = symbols.length;
  if (length < 2) return symbols;
  const next = Int32Array.from(symbols, (_, index) => index + 1);
  const before = Int32Array.from(symbols, (_, index) => index - 1);
  const at = (index: number) => (index >= 0 && index < length ? (symbols[index] ?? gone) : gone);
  const heap = new Candidates();
  const offer = (left: number) => {
    const right = next[left] ?? length;
    if (left < 0 || right >= length) return;
    const rank = rankOf(at(left), at(right));
    if (rank !== undefined) heap.push(rank, left);
  };
  for (let left = 0; left < length - 1; left += 1) offer(left);
  for (let best = heap.pop(); best !== undefined; best = heap.pop()) {
    const left = best.position;
    const right = next[left] ?? length;
    // Stale: one of the two has been merged since.
    if (at(left) === gone || right >= length || rankOf(at(left), at(right)) !== best.rank) continue;
    symbols[left] = joined[best.rank] ?? gone;
    symbols[right] = gone;
    const after = next[right] ?? length;
    next[left] = after;
    if (after < length) before[after] = left;
    offer(before[left] ?? gone);
    offer(left);
  }
  return symbols.filter((symbol) => symbol !== gone);
}

/** A binary heap of (rank, position), lowest first; each pair is packed into one number. */
class Candidates {
  readonly #heap: number[] = [];

  push(rank: number, position: number): void {
    const heap = this.#heap;
    const key = rank * positionRange + position;
    let index = heap.length;
    heap.push(key);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] ?? key;
      if (above <= key) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = key;
  }

  pop(): { readonly rank: number; readonly position: number } | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined) return undefined;
    if (heap.length > 0) this.#sink(last);
    return { rank: Math.floor(top / positionRange), position: top % positionRange };
  }

  #sink(key: number): void {
    const heap = this.#heap;
    const length = heap.length;
    let index = 0;
    for (let child = 1; child < length; child = 2 * index + 1) {
      const left = heap[child] ?? key;
      const right = heap[child + 1] ?? Number.POSITIVE_INFINITY;
      const least = Math.min(left, right);
      if (key <= least) break;
      heap[index] = least;
      index = right < left ? child + 1 : child;
    }
    heap[index] = key;
  }
}

/** More than the length of any string; rank * positionRange stays exact below 2^53. */
const positionRange = 2 ** 30;
