// The curves of compared jobs in one plot. A letter, a dash and a colour identify each job.
import type { Compared, Comparison } from '../metrics/comparison.ts';
import { exponentialMean, type History, type MetricName, seriesOf } from '../metrics/history.ts';
import { type Axis, positionOn } from '../metrics/series.ts';
import type { GlyphSet } from '../terminal/glyphs.ts';
import { seconds, shortCount } from '../terminal/numbers.ts';
import { mostSeries, overlay, seriesLetters } from '../terminal/overlay.ts';
import type { Style } from '../terminal/palette.ts';
import { boundsOf, type Point } from '../terminal/plot.ts';
import { metricText } from './metric-text.ts';

const seriesColors: readonly NonNullable<Style['color']>[] = ['cyan', 'yellow', 'magenta', 'red'];
const lines = ['─', '╌', '┈', '┄'] as const;

export function letterOf(index: number): string {
  return seriesLetters[index] ?? String(index + 1);
}

/** `A ─ halo`: letter, dash and colour of a job, the same wherever it is drawn. */
export function seriesMark(name: string, index: number, { plot }: Pick<GlyphSet, 'plot'>): Piece {
  const line = plot === 'braille' ? `${lines[index] ?? ''} ` : '';
  const color = seriesColors[index];
  return { text: `${letterOf(index)} ${line}${name}`, ...(color === undefined ? {} : { color }) };
}

/** Text in one colour. */
interface Piece {
  readonly text: string;
  readonly color?: NonNullable<Style['color']>;
}

interface Picture {
  readonly rows: readonly { readonly label: string; readonly pieces: readonly Piece[] }[];
  readonly foot: string;
}

const axisNames = { tokens: 'tokens', steps: 'step', time: 'time' } as const;

/** The x axis of the plot: the quantity that is equal in the table. */
export function axisOf({ at }: Comparison): Axis {
  return axisNames[at.equal];
}

interface Drawn {
  readonly metric: MetricName;
  readonly axis: Axis;
}

/** Cache of curves by history: a history that changes is a new object. */
const known = new WeakMap<History, Map<string, readonly Point[]>>();

function curveOf(history: History, { metric, axis }: Drawn): readonly Point[] {
  const curves = known.get(history) ?? new Map<string, readonly Point[]>();
  known.set(history, curves);
  const key = `${metric} ${axis}`;
  const found = curves.get(key);
  if (found !== undefined) return found;
  const samples = seriesOf(history, metric);
  const [first] = samples;
  const means = exponentialMean(samples, samples.length > 50 ? 0.9 : 0);
  const curve = thinned(
    means.map((sample) => ({ x: positionOn(axis, sample, first), y: sample.value ?? Number.NaN })),
  );
  curves.set(key, curve);
  return curve;
}

/** Far more than a terminal has columns of dots. */
const mostPoints = 4_000;

/**
 * Keeps the least and greatest of each group of neighbours, so that no spike is lost; drops values
 * that are not finite.
 */
function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length <= mostPoints) return points;
  const size = Math.ceil((2 * points.length) / mostPoints);
  const kept: Point[] = [];
  for (let from = 0; from < points.length; from += size) {
    let least: Point | undefined;
    let greatest: Point | undefined;
    for (let at = from; at < Math.min(from + size, points.length); at++) {
      const point = points[at];
      if (point === undefined || !Number.isFinite(point.y)) continue;
      if (least === undefined || point.y < least.y) least = point;
      if (greatest === undefined || point.y > greatest.y) greatest = point;
    }
    if (least === undefined || greatest === undefined) continue;
    kept.push(...(least.x <= greatest.x ? [least, greatest] : [greatest, least]));
  }
  return kept;
}

/** The curves in one frame; undefined with fewer than two values. */
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
