// A curve as lines of text: Braille dots, blocks, or ASCII. A column shows the range from the least
// to the greatest value of its steps, so that spikes stay visible; distant points are joined by
// straight lines.
import type { GlyphSet } from './glyphs.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

interface Size {
  /** In characters. */
  readonly width: number;
  readonly height: number;
}

/** Dots per character: across, down. */
export const dots = { braille: [2, 4], block: [1, 8], ascii: [1, 1] } as const;

/**
 * At most `height` lines of `width` characters, the greatest value on top. Empty without finite
 * points.
 */
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

/** Rows of dots from the top, both ends included. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Values at the edges of a plot. */
interface Frame {
  readonly first: number;
  readonly last: number;
  readonly least: number;
  readonly greatest: number;
}

export function frameOf(points: readonly Point[]): Frame {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const { x } of points) {
    if (x < first) first = x;
    if (x > last) last = x;
  }
  return { first, last, ...boundsOf(points) };
}

/** The rows that the curve covers in each column of dots. */
export function rangesOf(
  points: readonly Point[],
  { columns, rows }: { readonly columns: number; readonly rows: number },
  { first, last, least, greatest }: Frame,
): readonly (Range | undefined)[] {
  // No allocation per point: a hundred thousand points are drawn ten times a second.
  const lows = new Int32Array(columns).fill(nowhere);
  const highs = new Int32Array(columns).fill(-1);
  const mark = (column: number, row: number): void => {
    if (row < (lows[column] ?? 0)) lows[column] = row;
    if (row > (highs[column] ?? 0)) highs[column] = row;
  };
  let column = -1;
  let row = 0;
  for (const { x, y } of byX(points)) {
    const toColumn =
      last === first ? 0 : Math.round(((x - first) / (last - first)) * (columns - 1));
    const toRow =
      greatest === least
        ? Math.floor((rows - 1) / 2)
        : Math.round(((greatest - y) / (greatest - least)) * (rows - 1));
    mark(toColumn, toRow);
    if (column >= 0 && toColumn > column) drawStraight([column, row], [toColumn, toRow], mark);
    column = toColumn;
    row = toRow;
  }
  return Array.from(lows, (low, at) =>
    low === nowhere ? undefined : { low, high: highs[at] ?? low },
  );
}

/** Below all rows of dots. */
const nowhere = 2 ** 31 - 1;

/** Sorted by x; steps usually are already. */
function byX(points: readonly Point[]): readonly Point[] {
  const isRising = points.every(({ x }, index) => index === 0 || x >= (points[index - 1]?.x ?? x));
  return isRising ? points : points.toSorted((a, b) => a.x - b.x);
}

/** Joins points without gaps: a steep part covers all rows that it crosses. */
function drawStraight(
  [fromColumn, fromRow]: readonly [number, number],
  [toColumn, toRow]: readonly [number, number],
  mark: (column: number, row: number) => void,
): void {
  const distance = toColumn - fromColumn;
  let before = fromRow;
  for (let step = 1; step <= distance; step++) {
    const row = Math.round(fromRow + ((toRow - fromRow) * step) / distance);
    mark(fromColumn + step, row);
    // The row before belongs to the column before; rows in between belong to one of the two
    // columns.
    if (Math.abs(row - before) > 1) mark(fromColumn + step, before + Math.sign(row - before));
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

/** Bits of the eight dots by column and row, in the order of Unicode. */
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

/** A bar for a fraction. */
export function bar(
  share: number,
  width: number,
  { full, empty }: Pick<GlyphSet, 'full' | 'empty'>,
): string {
  const filled = Math.round(Math.max(0, Math.min(1, share)) * width);
  return full.repeat(filled) + empty.repeat(Math.max(0, width - filled));
}

/** Each finite value replaced by the mean of the last `count` finite values, itself included. */
export function trailingMeans(points: readonly Point[], count: number): readonly Point[] {
  if (count === 1) return points;
  return points.map(({ x, y }, index) => {
    let sum = 0;
    let finite = 0;
    for (let at = Math.max(0, index + 1 - count); at <= index; at++) {
      const value = points[at]?.y ?? Number.NaN;
      if (!Number.isFinite(value)) continue;
      sum += value;
      finite += 1;
    }
    return { x, y: Number.isFinite(y) ? sum / finite : y };
  });
}
