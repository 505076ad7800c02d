// `anneal why`: the first cause of a problem, or what a job waits for.
import { jobSummary } from '../../jobs/job-summary.ts';
import { whyOf } from '../../jobs/why.ts';
import { withJob } from '../../jobs/with-job.ts';
import type { Viewing } from '../../process/context.ts';
import { jsonOf } from '../../terminal/json.ts';
import { pipeWidth } from '../../terminal/output.ts';
import { whyText } from './text.ts';

export async function whyFromTerminal(
  word: string,
  format: string,
  viewing: Viewing,
): Promise<number> {
  const { output, config, signal } = viewing;
  return withJob(word, viewing, async (job, source) => {
    const why = whyOf(job, config.command, await source.surroundings(job, signal));
    if (format === 'json') {
      output.write(jsonOf('Why', { ...jobSummary(job), ...why }));
      return 0;
    }
    const width = Math.min(100, output.columns ?? pipeWidth);
    output.write(whyText(job, why, { width, paint: output.paint }));
    return 0;
  });
}
