// `anneal metrics` and `anneal compare`: the numbers of jobs, as pictures on a terminal and as rows in a pipe.
import { UserError } from '../../../crds/index.ts';
import type { Job } from '../../jobs/job.ts';
import { messagesOf } from '../../jobs/messages.ts';
import { type Compared, compareJobs, type Equal } from '../../metrics/comparison.ts';
import { historyOf } from '../../metrics/history.ts';
import { type Axis, metricNamed, metricsOf } from '../../metrics/series.ts';
import type { Theme } from '../../process/flags.ts';
import { jsonOf } from '../../terminal/json.ts';
import { colorsOf, pipeWidth } from '../../terminal/output.ts';
import { mostSeries } from '../../terminal/overlay.ts';
import { compareText } from '../compare/text.ts';
import { type Looking, withJob } from '../list/run.ts';
import { metricsCsv, metricsPlots } from './text.ts';

export interface MetricsFlags {
  readonly x: Axis;
  readonly ema: number;
  readonly log?: boolean;
  readonly last?: number;
  readonly width?: number;
  /** A picture on a terminal, rows in a pipe, unless it says. */
  readonly output?: 'plot' | 'csv' | 'json';
}

export async function metricsFromTerminal(
  word: string,
  names: readonly string[],
  flags: MetricsFlags,
  looking: Looking,
): Promise<number> {
  const { output, signal } = looking;
  // A name that is no metric is told before a cluster is asked.
  metricsOf({ steps: [], evaluations: [] }, { names, ema: 0, last: undefined });
  return withJob(word, looking, async (job, source) => {
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

/** Where nobody heard the workers, their last numbers. */
function tellStatus({ status: { progress } }: Job, talk: (text: string) => void): void {
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

export interface CompareFlags {
  readonly output: 'text' | 'json';
  readonly at: Equal;
  readonly metric: string;
  readonly live?: boolean;
  readonly color?: boolean;
  readonly theme?: Theme;
}

export async function compareFromTerminal(
  words: readonly string[],
  flags: CompareFlags,
  looking: Looking,
): Promise<number> {
  const { output, signal, config } = looking;
  const { output: format, at, metric: name, live } = flags;
  if (words.length > mostSeries) {
    const message = `${words.length} jobs are named; at most ${mostSeries} can be compared`;
    throw new UserError({ code: 'E_USAGE', message });
  }
  const metric = metricNamed(name);
  if (live === true) {
    const { compareLive } = await import('../compare/live.ts');
    return compareLive(words, { color: colorsOf(config, flags), at, metric }, looking);
  }
  const all: Compared[] = [];
  const told = new Set<string>();
  // What is wrong with the way to the bus is the same for each of them.
  const talkOnce = (text: string): void => {
    if (!told.has(text)) output.talk(text);
    told.add(text);
  };
  for (const word of words) {
    all.push(
      await withJob(word, looking, async (job, source) => ({
        job,
        history: historyOf(await messagesOf(source, job, talkOnce, signal)),
      })),
    );
  }
  const comparison = compareJobs(all, at);
  if (format === 'json') output.write(jsonOf('Comparison', comparison));
  else {
    const width = Math.min(120, output.columns ?? pipeWidth);
    const { glyphs, paint } = output;
    output.write(compareText(comparison, all, { width, glyphs, paint, metric }));
  }
  return 0;
}
