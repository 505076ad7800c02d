// `anneal metrics` as plots, as rows for a pipe, as CSV.
import type { Job } from '../../jobs/job.ts';
import { curveSentence } from '../../metrics/curve-sentence.ts';
import type { MetricName, Sample } from '../../metrics/history.ts';
import { type Axis, positionOn, type Series } from '../../metrics/series.ts';
import type { GlyphSet } from '../../terminal/glyphs.ts';
import { seconds, shortCount } from '../../terminal/numbers.ts';
import { boundsOf, plot } from '../../terminal/plot.ts';
import { metricText } from '../../text/metric-text.ts';

interface PlotStyle {
  readonly axis: Axis;
  readonly log: boolean;
  readonly width: number;
  readonly glyphs: GlyphSet;
  readonly ema: number;
}

const height = 8;

export function metricsPlots(series: readonly Series[], style: PlotStyle): string {
  return series.map((one) => `${plotLines(one, style).join('\n')}\n`).join('\n');
}

function plotLines({ metric, samples }: Series, style: PlotStyle): readonly string[] {
  const { axis, log, width, glyphs, ema } = style;
  const [first] = samples;
  const points = samples.map((sample) => ({
    x: positionOn(axis, sample, first),
    y: scaled(sample.value, log),
  }));
  const finite = points.filter(({ y }) => Number.isFinite(y));
  if (finite.length === 0) return [metric, '  no values yet'];
  const bounds = boundsOf(finite);
  const greatest = metricText(metric, log ? 10 ** bounds.greatest : bounds.greatest);
  const least = metricText(metric, log ? 10 ** bounds.least : bounds.least);
  const label = Math.max(greatest.length, least.length, 6);
  const lines = plot(points, { width: Math.max(10, width - label - 3), height }, glyphs);
  const mean = ema === 0 ? '' : `mean by ${ema}`;
  const scale = log ? 'logarithmic' : '';
  return [
    [metric, mean, scale].filter((part) => part !== '').join(', '),
    ...lines.map((line, row) => {
      const text = row === 0 ? greatest : row === height - 1 ? least : '';
      return `${text.padStart(label)} ┤${line}`;
    }),
    `${' '.repeat(label)} └ ${axis} ${positionText(axis, finite[0]?.x)} to ${positionText(axis, finite.at(-1)?.x)}`,
    ...sentenceLines(metric, samples),
  ];
}

function sentenceLines(metric: MetricName, samples: readonly Sample[]): readonly string[] {
  const sentence = curveSentence(samples, metric);
  return sentence === undefined ? [] : [`  ${sentence}`];
}

function scaled(value: number | null, log: boolean): number {
  if (value === null) return Number.NaN;
  if (!log) return value;
  return value > 0 ? Math.log10(value) : Number.NaN;
}

function positionText(axis: Axis, position = 0): string {
  if (axis === 'time') return seconds(position);
  return axis === 'tokens' ? shortCount(position) : position.toLocaleString('en');
}

/** One row per step, one column per metric: for spreadsheets and other programs. */
export function metricsCsv(series: readonly Series[]): string {
  const steps = new Map<number, { sample: Sample; values: (number | null | undefined)[] }>();
  for (const [index, { samples }] of series.entries()) {
    for (const sample of samples) {
      const row = steps.get(sample.step) ?? { sample, values: [] };
      row.values[index] = sample.value;
      steps.set(sample.step, row);
    }
  }
  const head = ['step', 'tokens', 'time', ...series.map(({ metric }) => metric)].join(',');
  const rows = [...steps]
    .sort(([a], [b]) => a - b)
    .map(([step, { sample, values }]) =>
      [step, sample.tokens, sample.time, ...series.map((_, index) => values[index] ?? '')].join(
        ',',
      ),
    );
  return `${[head, ...rows].join('\n')}\n`;
}

/** The last numbers of the status, where no messages of the workers are available. */
export function tellStatus({ status: { progress } }: Job, talk: (text: string) => void): void {
  const { step, totalSteps, trainLoss, evalLoss, tokensPerSecond } = progress ?? {};
  if (step === undefined) return;
  const numbers = [
    `step ${step}${totalSteps === undefined ? '' : ` of ${totalSteps}`}`,
    ...(trainLoss === undefined ? [] : [`loss ${trainLoss}`]),
    ...(evalLoss === undefined ? [] : [`held out ${evalLoss}`]),
    ...(tokensPerSecond === undefined ? [] : [`${tokensPerSecond} tokens/s`]),
  ];
  talk(`the status says: ${numbers.join(', ')}\n`);
}
