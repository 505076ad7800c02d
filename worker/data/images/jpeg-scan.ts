// One scan of a JPEG: Huffman coded coefficients, whole ones of a baseline file, or a part of their
// bits of a progressive one (ITU-T T.81, F.2 and G.1).
import { damagedJpeg } from './jpeg-damage.ts';
import type { Component, Frame } from './jpeg-frame.ts';
import { BitReader, type HuffmanTable } from './jpeg-huffman.ts';

export interface ScanTables {
  readonly dc: (HuffmanTable | undefined)[];
  readonly ac: (HuffmanTable | undefined)[];
  /** Groups between two restarts; 0 for none. */
  restartInterval: number;
}

/** Where in a block, row by row, each coefficient of the file's order is. */
export const zigzag: readonly number[] = [
  ...[0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48],
  ...[41, 34, 27, 20, 13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15],
  ...[23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63],
];
const natural = Uint8Array.from(zigzag);

/** A component in a scan. */
interface Member {
  readonly component: Component;
  readonly dc: HuffmanTable | undefined;
  readonly ac: HuffmanTable | undefined;
  /** The last DC value. */
  last: number;
}

interface Scan {
  readonly reader: BitReader;
  /** Coefficients in the file's order, both included. */
  readonly from: number;
  readonly to: number;
  /** The lowest bit that this scan gives. */
  readonly bit: number;
  /** Blocks that are left of a run in which nothing new begins. */
  run: number;
}

type ReadBlock = (scan: Scan, member: Member, at: number) => void;

/** Reads a scan into the coefficients; the place behind it. `begin` sees each of its components. */
export function decodeScan(
  bytes: Uint8Array,
  start: number,
  header: Uint8Array,
  frame: Frame,
  tables: ScanTables,
  begin: (component: Component) => void,
): number {
  const members = membersOf(header, frame, tables);
  for (const { component } of members) begin(component);
  const [from = 0, to = 0, approximation = 0] = header.subarray(1 + 2 * members.length);
  const [high, bit] = [approximation >> 4, approximation & 15];
  const scan: Scan = { reader: new BitReader(bytes, start), from, to, bit, run: 0 };
  const read = readerOf(frame, scan, high, members);
  const restart = (group: number) => {
    if (group === 0 || tables.restartInterval === 0 || group % tables.restartInterval !== 0) return;
    scan.reader.restart();
    scan.run = 0;
    for (const member of members) member.last = 0;
  };
  const [only] = members;
  if (only !== undefined && members.length === 1) readAlone(scan, only, read, restart);
  else readGroups(scan, members, frame, read, restart);
  return scan.reader.at;
}

function membersOf(header: Uint8Array, { components }: Frame, tables: ScanTables): Member[] {
  const count = header[0] ?? 0;
  if (count < 1 || count > 3 || header.length < 4 + 2 * count) {
    throw damagedJpeg('has a scan header that is cut');
  }
  const members = Array.from({ length: count }, (_, i) => {
    const [id, choice = 0] = header.subarray(1 + 2 * i);
    const component = components.find((each) => each.id === id);
    if (component === undefined) throw damagedJpeg('has a scan of an unknown component');
    return { component, dc: tables.dc[choice >> 4], ac: tables.ac[choice & 15], last: 0 };
  });
  if (new Set(members.map(({ component }) => component)).size < count) {
    throw damagedJpeg('has a scan of one component twice');
  }
  return members;
}

function readerOf(frame: Frame, { from, to, bit }: Scan, high: number, members: readonly Member[]) {
  const read = !frame.isProgressive
    ? { block: baseline, dc: true, ac: true }
    : from > 0
      ? { block: high === 0 ? firstAc : laterAc, dc: false, ac: true }
      : { block: high === 0 ? firstDc : laterDc, dc: high === 0, ac: false };
  const isRange = frame.isProgressive
    ? (from === 0 ? to === 0 : from <= to && to <= 63 && members.length === 1) && bit <= 13
    : from === 0 && to === 63 && bit === 0 && high === 0;
  if (!isRange) throw damagedJpeg('has a scan of coefficients that cannot be');
  for (const { dc, ac } of members) {
    if ((read.dc && dc === undefined) || (read.ac && ac === undefined)) {
      throw damagedJpeg('has a scan without its Huffman table');
    }
  }
  return read.block;
}

/** The blocks of a component that the picture covers, row by row. */
function readAlone(
  scan: Scan,
  member: Member,
  read: ReadBlock,
  restart: (group: number) => void,
): void {
  const { columns, rows, stride } = member.component;
  for (let group = 0; group < columns * rows; group += 1) {
    restart(group);
    const row = Math.trunc(group / columns);
    read(scan, member, (row * stride + (group % columns)) * 64);
  }
}

/** Groups of blocks: of each component `h` x `v`. */
function readGroups(
  scan: Scan,
  members: readonly Member[],
  { groupColumns, groupRows }: Frame,
  read: ReadBlock,
  restart: (group: number) => void,
): void {
  for (let group = 0; group < groupColumns * groupRows; group += 1) {
    restart(group);
    const groupRow = Math.trunc(group / groupColumns);
    const groupColumn = group % groupColumns;
    for (const member of members) {
      const { h, v, stride } = member.component;
      for (let i = 0; i < h * v; i += 1) {
        const row = groupRow * v + Math.trunc(i / h);
        read(scan, member, (row * stride + groupColumn * h + (i % h)) * 64);
      }
    }
  }
}

const baseline: ReadBlock = (scan, member, at) => {
  const { reader } = scan;
  const { coefficients } = member.component;
  coefficients[at] = nextDc(scan, member);
  for (let k = 1; k < 64; k += 1) {
    const symbol = member.ac?.next(reader) ?? 0;
    const size = symbol & 15;
    k += symbol >> 4;
    if (size === 0) {
      if (symbol !== 0xf0) return;
    } else coefficients[at + place(k)] = reader.signed(size);
  }
};

const firstDc: ReadBlock = (scan, member, at) => {
  member.component.coefficients[at] = nextDc(scan, member) << scan.bit;
};

function nextDc({ reader }: Scan, member: Member): number {
  const size = member.dc?.next(reader) ?? 0;
  if (size > 15) throw damagedJpeg('has a difference of more than 15 bits');
  member.last += reader.signed(size);
  return member.last;
}

const laterDc: ReadBlock = (scan, { component: { coefficients } }, at) => {
  if (scan.reader.bits(1) === 1) coefficients[at] = (coefficients[at] ?? 0) | (1 << scan.bit);
};

const firstAc: ReadBlock = (scan, { component: { coefficients }, ac }, at) => {
  if (scan.run > 0) {
    scan.run -= 1;
    return;
  }
  const { reader, from, to, bit } = scan;
  for (let k = from; k <= to; k += 1) {
    const symbol = ac?.next(reader) ?? 0;
    const [zeros, size] = [symbol >> 4, symbol & 15];
    if (size > 0) {
      k += zeros;
      coefficients[at + place(k)] = reader.signed(size) << bit;
    } else if (zeros === 15) k += 15;
    else {
      scan.run = (1 << zeros) + reader.bits(zeros) - 1;
      return;
    }
  }
};

const laterAc: ReadBlock = (scan, { component: { coefficients }, ac }, at) => {
  const { reader, from, to, bit } = scan;
  let k = from;
  /** One more bit of what is not zero; after `zeros` places that are, the next zero one. */
  const refine = (zeros: number): void => {
    for (let left = zeros; k <= to; k += 1) {
      const index = at + place(k);
      const value = coefficients[index] ?? 0;
      if (value === 0) {
        if (left === 0) return;
        left -= 1;
      } else if (reader.bits(1) === 1 && (value & (1 << bit)) === 0) {
        coefficients[index] = value + (value > 0 ? 1 << bit : -(1 << bit));
      }
    }
  };
  for (; scan.run === 0 && k <= to; k += 1) {
    const symbol = ac?.next(reader) ?? 0;
    const [zeros, size] = [symbol >> 4, symbol & 15];
    if (size === 0 && zeros < 15) {
      scan.run = (1 << zeros) + reader.bits(zeros);
      break;
    }
    const value = size === 0 ? 0 : reader.bits(1) === 1 ? 1 << bit : -(1 << bit);
    refine(zeros);
    if (value !== 0) coefficients[at + place(k)] = value;
  }
  if (scan.run > 0) {
    refine(64);
    scan.run -= 1;
  }
};

function place(k: number): number {
  const found = natural[k];
  if (found === undefined) throw damagedJpeg('has a block of more than 64 coefficients');
  return found;
}
