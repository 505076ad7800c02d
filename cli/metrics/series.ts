// The numbers of a job over steps, tokens or time, as samples.
import { nearestName, UserError } from '../../crds/index.ts';
import {
  exponentialMean,
  type History,
  type MetricName,
  metricAliases,
  metricNames,
  type Sample,
  seriesOf,
} from './history.ts';

const axes = ['step', 'tokens', 'time'] as const;
export type Axis = (typeof axes)[number];

interface MetricsAsked {
  readonly names: readonly string[];
  /** 0: no smoothing. */
  readonly ema: number;
  readonly last: number | undefined;
}

export interface Series {
  readonly metric: MetricName;
  readonly samples: readonly Sample[];
}

export function metricsOf(history: History, { names, ema, last }: MetricsAsked): readonly Series[] {
  const metrics = names.length === 0 ? (['loss'] as const) : names.map(metricNamed);
  return [...new Set(metrics)].map((metric) => {
    const all = seriesOf(history, metric);
    const shown = last === undefined ? all : all.slice(-last);
    return { metric, samples: ema === 0 ? shown : exponentialMean(shown, ema) };
  });
}

/** The metric that a word names. */
export function metricNamed(word: string): MetricName {
  const name = word.toLowerCase().replaceAll('-', '_');
  const found = metricAliases[name] ?? metricNames.find((each) => each === name);
  if (found !== undefined) return found;
  const near = nearestName(name, [...metricNames, ...Object.keys(metricAliases)]);
  throw new UserError({
    code: 'E_USAGE',
    message: `${JSON.stringify(word)} is no metric`,
    hint: near === undefined ? `metrics are ${metricNames.join(', ')}` : `did you mean ${near}?`,
  });
}

/** The position of a sample on an axis; time in seconds since the first sample. */
export function positionOn(axis: Axis, sample: Sample, first: Sample | undefined): number {
  if (axis === 'step') return sample.step;
  return axis === 'tokens' ? sample.tokens : sample.time - (first?.time ?? sample.time);
}
