// `anneal why`: the first cause of a problem, or what a job waits for; and of a federation,
// a pool or a server of adapters, where no job has the name.
import type { BesideJob } from '../../jobs/beside.ts';
import { findBesideJobs, findJob } from '../../jobs/find.ts';
import { type Job, keyOf } from '../../jobs/job.ts';
import { jobSummary } from '../../jobs/job-summary.ts';
import type { JobSource } from '../../jobs/source.ts';
import { tellUnread } from '../../jobs/unread.ts';
import { whyOf } from '../../jobs/why.ts';
import { whyBesideJobs } from '../../jobs/why-beside-jobs.ts';
import { withSource } from '../../jobs/with-job.ts';
import type { Viewing } from '../../process/context.ts';
import { jsonOf } from '../../terminal/json.ts';
import { pipeWidth } from '../../terminal/output.ts';
import { besideWhyText, whyText } from './text.ts';

export async function whyFromTerminal(
  word: string,
  format: string,
  viewing: Viewing,
): Promise<number> {
  const { output, signal } = viewing;
  return withSource(word, viewing, async (name, source) => {
    const jobs = await source.list(signal);
    const isJob = jobs.some((job) => job.name === name || keyOf(job) === name);
    const others = isJob ? [] : findBesideJobs(name, await source.besideJobs(signal));
    if (others.length > 0) {
      tellUnread(others, output.talk);
      return whyOfAll(others, format, viewing);
    }
    const job = findJob(jobs, name, source.location);
    tellUnread([job], output.talk);
    return whyOfJob(job, source, format, viewing);
  });
}

async function whyOfJob(
  job: Job,
  source: JobSource,
  format: string,
  { output, config, signal }: Viewing,
): Promise<number> {
  const why = whyOf(job, config.command, await source.surroundings(job, signal));
  if (format === 'json') {
    output.write(jsonOf('Why', { ...jobSummary(job), ...why }));
    return 0;
  }
  const width = Math.min(100, output.columns ?? pipeWidth);
  output.write(whyText(job, why, { width, paint: output.paint }));
  return 0;
}

/** A hub, a client, a pool and a server may have one name. */
function whyOfAll(found: readonly BesideJob[], format: string, { output }: Viewing): number {
  const width = Math.min(100, output.columns ?? pipeWidth);
  for (const one of found) {
    const why = whyBesideJobs(one);
    const { kind: of, namespace, name } = one;
    if (format === 'json') output.write(jsonOf('Why', { of, namespace, name, ...why }));
    else output.write(besideWhyText(one, why, { width, paint: output.paint }));
  }
  return 0;
}
