// Several curves in one plot. Each has its own dash besides its colour: solid, dashed, dotted,
// dash-dotted; without Braille dots, a letter. A cell that two curves cross takes the colour of the
// later one and shows the dots of both.
import type { GlyphSet } from './glyphs.ts';
import { brailleBits, dots, frameOf, type Point, type Range, rangesOf } from './plot.ts';

interface Cell {
  readonly text: string;
  /** Number of the curve; undefined: empty cell. */
  readonly series: number | undefined;
}

export const mostSeries = 4;
export const seriesLetters = ['A', 'B', 'C', 'D'] as const;
/** In columns of dots, by curve: the period of the dash, and how much of it is drawn. */
const dashes = [
  [1, 1],
  [6, 4],
  [4, 1],
  [9, 7],
] as const;

export function overlay(
  series: readonly (readonly Point[])[],
  { width, height }: { readonly width: number; readonly height: number },
  { plot: kind }: Pick<GlyphSet, 'plot'>,
): readonly (readonly Cell[])[] {
  const finite = series.map((points) =>
    points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)),
  );
  const frame = frameOf(finite.flat());
  if (!Number.isFinite(frame.least) || width < 1 || height < 1) return [];
  const [across, down] = kind === 'braille' ? dots.braille : dots.ascii;
  const size = { columns: width * across, rows: height * down };
  const ranges = finite.map((points) => rangesOf(points, size, frame));
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (_, cell) =>
      kind === 'braille' ? brailleCell(ranges, cell, row) : letterCell(ranges, cell, row),
    ),
  );
}

type Ranges = readonly (readonly (Range | undefined)[])[];

function brailleCell(ranges: Ranges, cell: number, row: number): Cell {
  let bits = 0;
  let owner: number | undefined;
  for (const [series, columns] of ranges.entries()) {
    const [period, drawn] = dashes[series] ?? [1, 1];
    for (const [side, column] of brailleBits.entries()) {
      const at = 2 * cell + side;
      const range = columns[at];
      if (range === undefined || at % period >= drawn) continue;
      for (const [dot, bit] of column.entries()) {
        if (range.low > 4 * row + dot || 4 * row + dot > range.high) continue;
        bits |= bit;
        owner = series;
      }
    }
  }
  return { text: bits === 0 ? ' ' : String.fromCodePoint(0x2800 + bits), series: owner };
}

function letterCell(ranges: Ranges, cell: number, row: number): Cell {
  const series = ranges.findLastIndex((columns) => {
    const range = columns[cell];
    return range !== undefined && range.low <= row && row <= range.high;
  });
  if (series < 0) return { text: ' ', series: undefined };
  const text = ranges.length === 1 ? '*' : (seriesLetters[series] ?? '*');
  return { text, series };
}
