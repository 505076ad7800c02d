import type { MetricName } from '../metrics/history.ts';
import { bytes, shortCount } from '../terminal/numbers.ts';

/** A value of a metric in its unit. */
export function metricText(metric: MetricName, value: number): string {
  if (metric === 'memory') return bytes(value);
  if (value !== 0 && Math.abs(value) < 0.01) return value.toExponential(1);
  return Math.abs(value) >= 1000 ? shortCount(value) : value.toFixed(Math.abs(value) < 10 ? 3 : 1);
}
