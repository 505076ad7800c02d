// `anneal compare` as text: differences of the specs, the curves in one picture, the table with its verdicts.
import type { Compared, ComparedRow, Comparison } from '../commands/compare.ts';
import { exponentialMean, seriesOf } from '../metrics/history.ts';
import { columnsOf } from './columns.ts';
import type { GlyphSet } from './glyphs.ts';
import { shortCount } from './job-columns.ts';
import { bytes, seconds } from './numbers.ts';
import { mostSeries, overlay, seriesLetters } from './overlay.ts';
import type { Paint, Style } from './palette.ts';
import { boundsOf } from './plot.ts';

interface CompareStyle {
  readonly width: number;
  readonly glyphs: GlyphSet;
  readonly paint: Paint;
}

const height = 10;
const seriesColors: readonly NonNullable<Style['color']>[] = ['cyan', 'yellow', 'magenta', 'red'];
const lines = ['─', '╌', '┈', '┄'] as const;

export function compareText(
  comparison: Comparison,
  all: readonly Compared[],
  style: CompareStyle,
): string {
  const parts = [
    [legend(comparison, style)],
    differenceLines(comparison, style.width),
    curveLines(all, style),
    tableLines(comparison, style.width),
  ].filter((part) => part.length > 0);
  return `${parts.map((part) => part.join('\n')).join('\n\n')}\n`;
}

function letterOf(index: number): string {
  return seriesLetters[index] ?? String(index + 1);
}

function legend({ names }: Comparison, { paint, glyphs }: CompareStyle): string {
  return names
    .map((name, index) => {
      const { text, color } = seriesMark(name, index, glyphs);
      return paint(text, color === undefined ? {} : { color });
    })
    .join('    ');
}

/** `A ─ halo`: the letter, the dash and the colour of a job, wherever it is drawn. */
export function seriesMark(name: string, index: number, { plot }: Pick<GlyphSet, 'plot'>): Piece {
  const line = plot === 'braille' ? `${lines[index] ?? ''} ` : '';
  const color = seriesColors[index];
  return { text: `${letterOf(index)} ${line}${name}`, ...(color === undefined ? {} : { color }) };
}

export function differenceLines(
  { differences, names }: Comparison,
  width: number,
): readonly string[] {
  if (differences.length === 0) return ['the jobs ask for the same'];
  // A place or a list may be long; half of the room is enough to tell two apart by their ends.
  const longest = Math.max(12, Math.floor((width - 20) / names.length));
  const rows = differences.map(({ path, values }) => ({
    path,
    values: values.map((value) => shortened(value, longest)),
  }));
  const lines = columnsOf(
    rows,
    [
      { head: '', rank: 0, cell: ({ path }) => path },
      ...names.map((_, index) => ({
        head: letterOf(index),
        rank: index + 1,
        cell: ({ values }: { readonly values: readonly string[] }) => values[index] ?? '–',
      })),
    ],
    Number.POSITIVE_INFINITY,
  );
  if (lines.every((line) => line.length <= width)) return lines;
  return rows.flatMap(({ path, values }) => [
    path,
    ...values.map((value, index) => `  ${letterOf(index)} ${value}`),
  ]);
}

function shortened(text: string, longest: number): string {
  return text.length <= longest ? text : `…${text.slice(text.length - longest + 1)}`;
}

function curveLines(
  all: readonly Compared[],
  { width, glyphs, paint }: CompareStyle,
): readonly string[] {
  const picture = curvePicture(all, { width, height }, glyphs);
  if (picture === undefined) return [];
  return [
    'train loss',
    ...picture.rows.map(({ label, pieces }) => {
      const drawn = pieces.map(({ text, color }) =>
        color === undefined ? text : paint(text, { color }),
      );
      return `${label} ┤${drawn.join('').trimEnd()}`;
    }),
    picture.foot,
  ];
}

/** Letters in one colour. */
interface Piece {
  readonly text: string;
  readonly color?: NonNullable<Style['color']>;
}

interface Picture {
  readonly rows: readonly { readonly label: string; readonly pieces: readonly Piece[] }[];
  readonly foot: string;
}

/** The curves in one frame; undefined where there are not two steps yet. */
export function curvePicture(
  all: readonly Compared[],
  { width, height: rows }: { readonly width: number; readonly height: number },
  glyphs: GlyphSet,
): Picture | undefined {
  const curves = all
    .slice(0, mostSeries)
    .map(({ history }) =>
      exponentialMean(seriesOf(history, 'loss'), history.steps.length > 50 ? 0.9 : 0).map(
        ({ tokens, value }) => ({ x: tokens, y: value ?? Number.NaN }),
      ),
    );
  const finite = curves.flat().filter(({ y }) => Number.isFinite(y));
  if (finite.length < 2) return undefined;
  const label = 7;
  const size = { width: Math.max(10, width - label - 3), height: rows };
  const { least, greatest } = boundsOf(finite);
  const edge = (row: number): string => {
    if (row === 0) return greatest.toFixed(3);
    return row === rows - 1 ? least.toFixed(3) : '';
  };
  const tokens = finite.reduce((most, { x }) => Math.max(most, x), 0);
  return {
    rows: overlay(curves, size, glyphs).map((cells, row) => ({
      label: edge(row).padStart(label),
      pieces: cells.map(({ text, series }) => {
        const color = series === undefined ? undefined : seriesColors[series];
        return color === undefined ? { text } : { text, color };
      }),
    })),
    foot: `${' '.repeat(label)} └ ${shortCount(tokens)} tokens`,
  };
}

export function tableLines({ rows, tokens, names }: Comparison, width: number): readonly string[] {
  if (rows.length === 0) return ['one of them has done no step yet; nothing can be compared'];
  const others = names.slice(1).map((_, index) => index + 1);
  return columnsOf<ComparedRow>(
    rows,
    [
      { head: `at ${shortCount(tokens)} tokens`, rank: 0, cell: ({ name }) => name },
      ...names.map((_, index) => ({
        head: letterOf(index),
        rank: index + 1,
        right: true,
        cell: (row: ComparedRow) => valueText(row, index),
      })),
      ...others.flatMap((index) => [
        {
          head: `${letterOf(index)} − A`,
          rank: names.length + index,
          right: true,
          cell: (row: ComparedRow) => differenceOf(row, index),
        },
        {
          head: '',
          rank: 2 * names.length + index,
          cell: (row: ComparedRow) => verdictOf(row, index),
        },
      ]),
    ],
    width,
  );
}

function valueText({ name, values }: ComparedRow, index: number): string {
  const value = values[index];
  return value === undefined ? '–' : inUnits(name, value);
}

function inUnits(name: ComparedRow['name'], value: number): string {
  switch (name) {
    case 'peak memory':
      return bytes(value);
    case 'time':
      return seconds(value);
    case 'tokens/s':
      return Math.round(value).toLocaleString('en');
    case 'train loss':
    case 'eval loss':
      return value.toFixed(3);
  }
}

function differenceOf({ name, values, differences }: ComparedRow, index: number): string {
  const difference = differences[index];
  const base = values[0];
  if (difference === undefined || base === undefined) return '–';
  if (name === 'train loss' || name === 'eval loss') return signed(difference, 3);
  return `${signed((100 * difference) / base, 1)} %`;
}

function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return `${value < 0 ? '−' : '+'}${text}`;
}

function verdictOf({ differences, noise, name }: ComparedRow, index: number): string {
  const difference = differences[index];
  const half = noise[index];
  if (difference === undefined) return '';
  if (half === undefined) return name === 'eval loss' ? 'noise not known' : '';
  const width = `(±${half.toFixed(3)})`;
  return Math.abs(difference) <= half ? `within noise ${width}` : `beyond noise ${width}`;
}
