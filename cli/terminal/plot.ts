// A curve as lines of text: Braille dots, blocks, or plain letters. A column shows the range from
// the least to the greatest value of its steps, so that spikes cannot hide; between far points the
// curve is drawn straight.
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

/**
 * `height` lines of at most `width` characters; top is the greatest value. Empty without finite
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
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const { x } of points) {
    if (x < first) first = x;
    if (x > last) last = x;
  }
  return { first, last, ...boundsOf(points) };
}

/** For each column of dots the rows that the curve covers. */
export function rangesOf(
  points: readonly Point[],
  { columns, rows }: { readonly columns: number; readonly rows: number },
  { first, last, least, greatest }: Frame,
): readonly (Range | undefined)[] {
  // A hundred thousand points are drawn ten times a second: nothing is made for each of them.
  const lows = new Int32Array(columns).fill(nowhere);
  const highs = new Int32Array(columns).fill(-1);
  const mark = (column: number, row: number): void => {
    if (row < (lows[column] ?? 0)) lows[column] = row;
    if (row > (highs[column] ?? 0)) highs[column] = row;
  };
  let column = -1;
  let row = 0;
  for (const { x, y } of byPosition(points)) {
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

/** Below every row of dots. */
const nowhere = 2 ** 31 - 1;

/** Rising; steps mostly come so. */
function byPosition(points: readonly Point[]): readonly Point[] {
  const isRising = points.every(({ x }, index) => index === 0 || x >= (points[index - 1]?.x ?? x));
  return isRising ? points : points.toSorted((a, b) => a.x - b.x);
}

/** Without gaps: a steep part covers all rows that it passes. */
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
    // The row before belongs to the column before; the ones between are shared by neither.
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

/**
 * Each value as the mean of the last so many that are finite, itself included; one that is not
 * stays so.
 */
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
