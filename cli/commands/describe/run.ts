// `anneal describe`: gathers what is known of a job.
import type { StageState } from '../../../crds/stages/stage-states.ts';
import { jobStages } from '../../jobs/job-stages.ts';
import { jobSummary } from '../../jobs/job-summary.ts';
import { messagesOf } from '../../jobs/messages.ts';
import { emptyRun, seeAll } from '../../jobs/run-state.ts';
import { whyOf } from '../../jobs/why.ts';
import { withJob } from '../../jobs/with-job.ts';
import { historyOf, seriesOf } from '../../metrics/history.ts';
import { now } from '../../process/clock.ts';
import type { Viewing } from '../../process/context.ts';
import { jsonOf } from '../../terminal/json.ts';
import { pipeWidth } from '../../terminal/output.ts';
import { describeText } from './text.ts';

export async function describeFromTerminal(
  word: string,
  format: string,
  viewing: Viewing,
): Promise<number> {
  const { output, config, signal } = viewing;
  return withJob(word, viewing, async (job, source) => {
    const messages = await messagesOf(source, job, output.talk, signal);
    const losses = seriesOf(historyOf(messages), 'loss');
    const stages = jobStages(job, seeAll(emptyRun, messages));
    const events = await source.events(job, signal);
    const why = whyOf(job, config.command, await source.surroundings(job, signal));
    if (format === 'json') {
      output.write(
        jsonOf('JobDescription', {
          job: jobSummary(job),
          stages: stages.map(stageSummary),
          why,
          events,
        }),
      );
      return 0;
    }
    const width = Math.min(100, output.columns ?? pipeWidth);
    const style = { width, now: now(), paint: output.paint };
    output.write(describeText({ job, stages, losses, events, why }, style));
    return 0;
  });
}

/** The fields of `-o json`; fields are only ever added. */
function stageSummary({ stage, standing, percent }: StageState): object {
  const { name, run, reads, writes } = stage;
  return { name, state: standing, percent, process: run, reads, writes };
}
