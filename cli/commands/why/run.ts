// `anneal why`: the first cause of a problem, or what a job waits for; and of a hub or a client of
// a federation, where no job has the name.
import { findJob } from '../../jobs/find.ts';
import { type Job, keyOf } from '../../jobs/job.ts';
import { jobSummary } from '../../jobs/job-summary.ts';
import type { Party } from '../../jobs/parties.ts';
import type { JobSource } from '../../jobs/source.ts';
import { tellUnread } from '../../jobs/unread.ts';
import { whyOf } from '../../jobs/why.ts';
import { whyOfParty } from '../../jobs/why-party.ts';
import { withSource } from '../../jobs/with-job.ts';
import type { Viewing } from '../../process/context.ts';
import { jsonOf } from '../../terminal/json.ts';
import { pipeWidth } from '../../terminal/output.ts';
import { partyWhyText, whyText } from './text.ts';

export async function whyFromTerminal(
  word: string,
  format: string,
  viewing: Viewing,
): Promise<number> {
  const { output, signal } = viewing;
  return withSource(word, viewing, async (name, source) => {
    const jobs = await source.list(signal);
    const isJob = jobs.some((job) => job.name === name || keyOf(job) === name);
    const parties = isJob ? [] : await partiesNamed(source, name, signal);
    if (parties.length > 0) return whyOfParties(parties, format, viewing);
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

async function partiesNamed(
  source: JobSource,
  word: string,
  signal: AbortSignal,
): Promise<readonly Party[]> {
  const parties = await source.parties(signal);
  return parties.filter(({ name, namespace }) => name === word || `${namespace}/${name}` === word);
}

/** A hub and a client may have one name. */
function whyOfParties(parties: readonly Party[], format: string, { output }: Viewing): number {
  const width = Math.min(100, output.columns ?? pipeWidth);
  for (const party of parties) {
    const why = whyOfParty(party);
    const { kind: of, namespace, name } = party;
    if (format === 'json') output.write(jsonOf('Why', { of, namespace, name, ...why }));
    else output.write(partyWhyText(party, why, { width, paint: output.paint }));
  }
  return 0;
}
