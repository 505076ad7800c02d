// A curve as lines of text: Braille dots, blocks, or plain letters. A column shows the range from the least to the greatest
// value of its steps, so that spikes cannot hide; between far points the curve is drawn straight.
import type { GlyphSet } from './glyphs.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

interface Size {
  /** Characters. */
  readonly width: number;
  readonly height: number;
}

/** Dots of a character: across, down. */
export const dots = { braille: [2, 4], block: [1, 8], ascii: [1, 1] } as const;

/** `height` lines of at most `width` characters; top is the greatest value. Empty without finite points. */
export function plot(
  points: readonly Point[],
  { width, height }: Size,
  { plot: kind }: Pick<GlyphSet, 'plot'>,
): readonly string[] {
  const finite = points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  if (finite.length === 0 || width < 1 || height < 1) return [];
  const [across, down] = dots[kind];
  const columns = rangesOf(
    finite,
    { columns: width * across, rows: height * down },
    frameOf(finite),
  );
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (_, cell) => {
      if (kind === 'braille') return brailleAt(columns, cell, row);
      if (kind === 'block') return blockAt(columns[cell], row, height);
      const range = columns[cell];
      return range !== undefined && range.low <= row && row <= range.high ? '*' : ' ';
    })
      .join('')
      .trimEnd(),
  );
}

/** Rows of dots from the top, both included. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** What the edges of a picture stand for. */
interface Frame {
  readonly first: number;
  readonly last: number;
  readonly least: number;
  readonly greatest: number;
}

export function frameOf(points: readonly Point[]): Frame {
  const { least: first, greatest: last } = boundsOf(points.map(({ x }) => ({ x, y: x })));
  return { first, last, ...boundsOf(points) };
}

/** For each column of dots the rows that the curve covers. */
export function rangesOf(
  points: readonly Point[],
  { columns, rows }: { readonly columns: number; readonly rows: number },
  { first, last, least, greatest }: Frame,
): readonly (Range | undefined)[] {
  const sorted = points.toSorted((a, b) => a.x - b.x);
  const columnOf = (x: number) =>
    last === first ? 0 : Math.round(((x - first) / (last - first)) * (columns - 1));
  const rowOf = (y: number) =>
    greatest === least
      ? Math.floor((rows - 1) / 2)
      : Math.round(((greatest - y) / (greatest - least)) * (rows - 1));
  const ranges: (Range | undefined)[] = new Array<Range | undefined>(columns).fill(undefined);
  const mark = (column: number, row: number): void => {
    const before = ranges[column];
    const low = Math.min(before?.low ?? row, row);
    ranges[column] = { low, high: Math.max(before?.high ?? row, row) };
  };
  let previous: { column: number; row: number } | undefined;
  for (const { x, y } of sorted) {
    const here = { column: columnOf(x), row: rowOf(y) };
    mark(here.column, here.row);
    if (previous !== undefined) drawStraight(previous, here, mark);
    previous = here;
  }
  return ranges;
}

/** Without gaps: a steep part covers all rows that it passes. */
function drawStraight(
  from: { readonly column: number; readonly row: number },
  to: { readonly column: number; readonly row: number },
  mark: (column: number, row: number) => void,
): void {
  const distance = to.column - from.column;
  let before = from.row;
  for (let step = 1; step <= distance; step++) {
    const row = Math.round(from.row + ((to.row - from.row) * step) / distance);
    mark(from.column + step, row);
    // The row before belongs to the column before; the ones between are shared by neither.
    if (Math.abs(row - before) > 1) mark(from.column + step, before + Math.sign(row - before));
    before = row;
  }
}

export function boundsOf(points: readonly Point[]): { least: number; greatest: number } {
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  for (const { y } of points) {
    if (y < least) least = y;
    if (y > greatest) greatest = y;
  }
  return { least, greatest };
}

/** Bits of the eight dots, by column and row, as Unicode numbers them. */
export const brailleBits = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;

function brailleAt(columns: readonly (Range | undefined)[], cell: number, row: number): string {
  let bits = 0;
  for (const [side, column] of brailleBits.entries()) {
    const range = columns[2 * cell + side];
    if (range === undefined) continue;
    for (const [dot, bit] of column.entries()) {
      const at = 4 * row + dot;
      if (range.low <= at && at <= range.high) bits |= bit;
    }
  }
  return bits === 0 ? ' ' : String.fromCodePoint(0x2800 + bits);
}

const eighths = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** A bar from the bottom to the greatest value of the column. */
function blockAt(range: Range | undefined, row: number, height: number): string {
  if (range === undefined) return ' ';
  const filled = 8 * height - range.low - 8 * (height - 1 - row);
  return eighths[Math.max(0, Math.min(8, filled))] ?? ' ';
}

/** A share of a whole as a bar. */
export function bar(
  share: number,
  width: number,
  { full, empty }: Pick<GlyphSet, 'full' | 'empty'>,
): string {
  const filled = Math.round(Math.max(0, Math.min(1, share)) * width);
  return full.repeat(filled) + empty.repeat(Math.max(0, width - filled));
}

/** Each value as the mean of the last so many that are finite, itself included; one that is not stays so. */
export function trailingMeans(points: readonly Point[], count: number): readonly Point[] {
  return points.map(({ x, y }, index) => {
    const last = points.slice(Math.max(0, index + 1 - count), index + 1).map((point) => point.y);
    const finite = last.filter(Number.isFinite);
    const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
    return { x, y: Number.isFinite(y) ? mean : y };
  });
}
