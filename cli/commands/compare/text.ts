// `anneal compare` as text: differences of the specs, the curves in one plot, the table with
// verdicts.
import type { Compared, Comparison } from '../../metrics/comparison.ts';
import { type MetricName, metricLabel } from '../../metrics/history.ts';
import type { GlyphSet } from '../../terminal/glyphs.ts';
import type { Paint } from '../../terminal/palette.ts';
import { axisOf, curvePicture, seriesMark } from '../../text/compare-curves.ts';
import { differenceLines, resultLines, tableLines } from '../../text/compare-table.ts';

interface CompareStyle {
  readonly width: number;
  readonly glyphs: GlyphSet;
  readonly paint: Paint;
  readonly metric: MetricName;
}

const height = 10;

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
    resultLines(comparison, style.width),
  ].filter((part) => part.length > 0);
  return `${parts.map((part) => part.join('\n')).join('\n\n')}\n`;
}

function legend({ names }: Comparison, { paint, glyphs }: CompareStyle): string {
  return names
    .map((name, index) => {
      const { text, color } = seriesMark(name, index, glyphs);
      return paint(text, color === undefined ? {} : { color });
    })
    .join('    ');
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
