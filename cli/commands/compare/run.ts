// `anneal compare`: jobs side by side, as text, JSON or a screen.
import { UserError } from '../../../crds/index.ts';
import { messagesOf } from '../../jobs/messages.ts';
import { withJob } from '../../jobs/with-job.ts';
import { type Compared, compareJobs, type Equal } from '../../metrics/comparison.ts';
import { historyOf } from '../../metrics/history.ts';
import { metricNamed } from '../../metrics/series.ts';
import type { Viewing } from '../../process/context.ts';
import type { Theme } from '../../process/flags.ts';
import { jsonOf } from '../../terminal/json.ts';
import { colorsOf, pipeWidth } from '../../terminal/output.ts';
import { mostSeries } from '../../terminal/overlay.ts';
import { compareText } from './text.ts';

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
  viewing: Viewing,
): Promise<number> {
  const { output, signal, config } = viewing;
  const { output: format, at, metric: name, live } = flags;
  if (words.length > mostSeries) {
    const message = `${words.length} jobs are named; at most ${mostSeries} can be compared`;
    throw new UserError({ code: 'E_USAGE', message });
  }
  const metric = metricNamed(name);
  if (live === true) {
    const { compareLive } = await import('./live.ts');
    return compareLive(words, { color: colorsOf(config, flags), at, metric }, viewing);
  }
  const all: Compared[] = [];
  const told = new Set<string>();
  // An error of the bus connection is the same for each job.
  const talkOnce = (text: string): void => {
    if (!told.has(text)) output.talk(text);
    told.add(text);
  };
  for (const word of words) {
    all.push(
      await withJob(word, viewing, async (job, source) => ({
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
