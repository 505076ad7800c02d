// `anneal compare` as text: differences of the specs, the curves in one picture, the table with its verdicts.
import type { Compared, ComparedRow, Comparison, Equal } from '../commands/compare.ts';
import { type Axis, placeOn } from '../commands/metrics.ts';
import {
  exponentialMean,
  type History,
  type MetricName,
  metricLabel,
  seriesOf,
} from '../metrics/history.ts';
import { columnsOf } from './columns.ts';
import type { GlyphSet } from './glyphs.ts';
import { shortCount } from './job-columns.ts';
import { metricText } from './metrics-text.ts';
import { bytes, seconds } from './numbers.ts';
import { mostSeries, overlay, seriesLetters } from './overlay.ts';
import type { Paint, Style } from './palette.ts';
import { boundsOf, type Point } from './plot.ts';

interface CompareStyle {
  readonly width: number;
  readonly glyphs: GlyphSet;
  readonly paint: Paint;
  readonly metric: MetricName;
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
    curveLines(all, comparison, style),
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
  comparison: Comparison,
  { width, glyphs, paint, metric }: CompareStyle,
): readonly string[] {
  const drawn = { metric, axis: axisOf(comparison) };
  const picture = curvePicture(all, drawn, { width, height }, glyphs);
  if (picture === undefined) return [];
  return [
    metricLabel(metric),
    ...picture.rows.map(({ label, pieces }) => {
      const painted = pieces.map(({ text, color }) =>
        color === undefined ? text : paint(text, { color }),
      );
      return `${label} ┤${painted.join('').trimEnd()}`;
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

const axisNames = { tokens: 'tokens', steps: 'step', time: 'time' } as const;

/** Of the picture: what is equal in the table. */
export function axisOf({ at }: Comparison): Axis {
  return axisNames[at.equal];
}

interface Drawn {
  readonly metric: MetricName;
  readonly axis: Axis;
}

/** Curves of histories to which nothing is added any more are found once. */
const known = new WeakMap<History, Map<string, readonly Point[]>>();

function curveOf(history: History, { metric, axis }: Drawn): readonly Point[] {
  const curves = known.get(history) ?? new Map<string, readonly Point[]>();
  known.set(history, curves);
  const key = `${metric} ${axis}`;
  const found = curves.get(key);
  if (found !== undefined) return found;
  const samples = seriesOf(history, metric);
  const [first] = samples;
  const curve = exponentialMean(samples, samples.length > 50 ? 0.9 : 0).map((sample) => ({
    x: placeOn(axis, sample, first),
    y: sample.value ?? Number.NaN,
  }));
  curves.set(key, curve);
  return curve;
}

/** The curves in one frame; undefined where there are not two values yet. */
export function curvePicture(
  all: readonly Compared[],
  drawn: Drawn,
  { width, height: rows }: { readonly width: number; readonly height: number },
  glyphs: GlyphSet,
): Picture | undefined {
  const curves = all.slice(0, mostSeries).map(({ history }) => curveOf(history, drawn));
  const finite = curves.flat().filter(({ y }) => Number.isFinite(y));
  if (finite.length < 2) return undefined;
  const { least, greatest } = boundsOf(finite);
  const [lowest, highest] = [metricText(drawn.metric, least), metricText(drawn.metric, greatest)];
  const label = Math.max(7, lowest.length, highest.length);
  const size = { width: Math.max(10, width - label - 3), height: rows };
  const edge = (row: number): string => {
    if (row === 0) return highest;
    return row === rows - 1 ? lowest : '';
  };
  const last = finite.reduce((most, { x }) => Math.max(most, x), 0);
  return {
    rows: overlay(curves, size, glyphs).map((cells, row) => ({
      label: edge(row).padStart(label),
      pieces: cells.map(({ text, series }) => {
        const color = series === undefined ? undefined : seriesColors[series];
        return color === undefined ? { text } : { text, color };
      }),
    })),
    foot: `${' '.repeat(label)} └ ${lastText(drawn.axis, last)}`,
  };
}

function lastText(axis: Axis, last: number): string {
  if (axis === 'time') return seconds(last);
  return axis === 'tokens' ? `${shortCount(last)} tokens` : `step ${last.toLocaleString('en')}`;
}

/** `at 604 M tokens`, `at step 400`, `after 2 h`. */
function placeText({ equal, value }: { readonly equal: Equal; readonly value: number }): string {
  if (equal === 'time') return `after ${seconds(value)}`;
  return equal === 'tokens'
    ? `at ${shortCount(value)} tokens`
    : `at step ${value.toLocaleString('en')}`;
}

export function tableLines({ rows, at, names }: Comparison, width: number): readonly string[] {
  if (rows.length === 0) return ['one of them has done no step yet; nothing can be compared'];
  const others = names.slice(1).map((_, index) => index + 1);
  return columnsOf<ComparedRow>(
    rows,
    [
      { head: placeText(at), rank: 0, cell: ({ name }) => name },
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
