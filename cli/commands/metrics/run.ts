// `anneal metrics`: numbers of a job, as plots on a terminal and as rows in a pipe.
import { messagesOf } from '../../jobs/messages.ts';
import { withJob } from '../../jobs/with-job.ts';
import { historyOf } from '../../metrics/history.ts';
import { type Axis, metricsOf } from '../../metrics/series.ts';
import type { Viewing } from '../../process/context.ts';
import { jsonOf } from '../../terminal/json.ts';
import { pipeWidth } from '../../terminal/output.ts';
import { metricsCsv, metricsPlots, tellStatus } from './text.ts';

export interface MetricsFlags {
  readonly x: Axis;
  readonly ema: number;
  readonly log?: boolean;
  readonly last?: number;
  readonly width?: number;
  /** Default: a plot on a terminal, rows in a pipe. */
  readonly output?: 'plot' | 'csv' | 'json';
}

export async function metricsFromTerminal(
  word: string,
  names: readonly string[],
  flags: MetricsFlags,
  viewing: Viewing,
): Promise<number> {
  const { output, signal } = viewing;
  // An unknown metric is an error before a cluster is asked.
  metricsOf({ steps: [], evaluations: [] }, { names, ema: 0, last: undefined });
  return withJob(word, viewing, async (job, source) => {
    const history = historyOf(await messagesOf(source, job, output.talk, signal));
    if (history.steps.length === 0) tellStatus(job, output.talk);
    const { ema, last } = flags;
    const series = metricsOf(history, { names, ema, last });
    const format = flags.output ?? (output.isTerminal ? 'plot' : 'csv');
    if (format === 'json') output.write(jsonOf('Metrics', { job: job.name, series }));
    else if (format === 'csv') output.write(metricsCsv(series));
    else {
      const width = flags.width ?? Math.min(120, output.columns ?? pipeWidth);
      const { glyphs } = output;
      output.write(
        metricsPlots(series, { axis: flags.x, log: flags.log === true, width, glyphs, ema }),
      );
    }
    return 0;
  });
}
