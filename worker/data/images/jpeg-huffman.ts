// Huffman codes of JPEG and the reader of their bits.
import { damagedJpeg } from './jpeg-damage.ts';

const longestCode = 16;
const lookAhead = 8;

/** A canonical code: short codes by a table, the others by the largest code of each length. */
export class HuffmanTable {
  readonly #values: Uint8Array;
  /** By the next 8 bits: length in the upper, value in the lower byte; 0 for a longer code. */
  readonly #short = new Uint16Array(1 << lookAhead);
  /** By length: the code behind the last one, and the place of its value less the first code. */
  readonly #behind = new Int32Array(longestCode + 2);
  readonly #offset = new Int32Array(longestCode + 1);

  constructor(counts: Uint8Array, values: Uint8Array) {
    this.#values = values;
    let code = 0;
    let place = 0;
    for (let length = 1; length <= longestCode; length += 1) {
      const count = counts[length - 1] ?? 0;
      if (code + count > 1 << length) throw damagedJpeg('has a Huffman table that cannot be');
      this.#offset[length] = place - code;
      if (length <= lookAhead) this.#fillShort(code, count, length, place);
      code += count;
      place += count;
      this.#behind[length] = code;
      code <<= 1;
    }
  }

  #fillShort(first: number, count: number, length: number, place: number): void {
    const free = lookAhead - length;
    for (let i = 0; i < count; i += 1) {
      const entry = (length << 8) | (this.#values[place + i] ?? 0);
      this.#short.fill(entry, (first + i) << free, (first + i + 1) << free);
    }
  }

  next(reader: BitReader): number {
    const bits = reader.peek();
    const short = this.#short[bits >> (longestCode - lookAhead)] ?? 0;
    if (short !== 0) {
      reader.skip(short >> 8);
      return short & 255;
    }
    for (let length = lookAhead + 1; length <= longestCode; length += 1) {
      const code = bits >> (longestCode - length);
      if (code >= (this.#behind[length] ?? 0)) continue;
      reader.skip(length);
      return this.#values[code + (this.#offset[length] ?? 0)] ?? 0;
    }
    throw damagedJpeg('has bits that are no Huffman code');
  }
}

interface NamedTable {
  readonly isAc: boolean;
  readonly id: number;
  readonly table: HuffmanTable;
}

export function readHuffmanTables(body: Uint8Array): readonly NamedTable[] {
  const tables: NamedTable[] = [];
  for (let at = 0; at < body.length; ) {
    const head = body[at] ?? 0;
    const counts = body.subarray(at + 1, at + 17);
    const values = at + 17;
    const end = values + counts.reduce((sum, count) => sum + count, 0);
    if (head >> 4 > 1 || (head & 15) > 3 || end > body.length || end - values > 256) {
      throw damagedJpeg('has a Huffman table that is cut or unknown');
    }
    const table = new HuffmanTable(counts, body.subarray(values, end));
    tables.push({ isAc: head >> 4 === 1, id: head & 15, table });
    at = end;
  }
  return tables;
}

/** Bits of a scan, up to the next marker; reading past it is damage. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #at: number;
  /** The last `#count` bits are those not read yet. */
  #bits = 0;
  #count = 0;
  /** How many of them stand behind the end of the data. */
  #padding = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Where the marker behind the data is, or before it. */
  get at(): number {
    return this.#at;
  }

  /** The next 16 bits, which stay. */
  peek(): number {
    while (this.#count < 16) this.#pull();
    return (this.#bits >> (this.#count - 16)) & 0xffff;
  }

  skip(count: number): void {
    this.#count -= count;
    if (this.#count < this.#padding) throw damagedJpeg('ends in the middle of the picture');
  }

  /** An unsigned number of 0 to 16 bits. */
  bits(count: number): number {
    if (count === 0) return 0;
    const value = this.peek() >> (16 - count);
    this.skip(count);
    return value;
  }

  /** A number of `size` bits as JPEG writes differences: the lower half is negative. */
  signed(size: number): number {
    const value = this.bits(size);
    return size === 0 || value >= 1 << (size - 1) ? value : value - (1 << size) + 1;
  }

  /** Drops the rest of a byte and takes a restart marker. */
  restart(): void {
    this.#count = 0;
    this.#padding = 0;
    const bytes = this.#bytes;
    while (bytes[this.#at] === 0xff && bytes[this.#at + 1] === 0xff) this.#at += 1;
    const marker = bytes[this.#at + 1] ?? 0;
    if (bytes[this.#at] !== 0xff || marker < 0xd0 || marker > 0xd7) {
      throw damagedJpeg('lacks a restart marker');
    }
    this.#at += 2;
  }

  #pull(): void {
    const byte = this.#bytes[this.#at];
    let value = byte ?? 0;
    if (byte === undefined || (byte === 0xff && this.#bytes[this.#at + 1] !== 0)) {
      value = 0;
      this.#padding += 8;
    } else this.#at += byte === 0xff ? 2 : 1;
    this.#bits = (this.#bits << 8) | value;
    this.#count += 8;
  }
}
