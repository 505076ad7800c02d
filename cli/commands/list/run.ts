// `anneal list`: the jobs of a source, once or with every change.
import { stringify } from 'yaml';
import { UserError } from '../../../crds/index.ts';
import { at } from '../../jobs/find.ts';
import { keyOf } from '../../jobs/job.ts';
import { jobSummary } from '../../jobs/job-summary.ts';
import { openSource } from '../../jobs/open-source.ts';
import { tellUnread } from '../../jobs/unread.ts';
import { now } from '../../process/clock.ts';
import type { Viewing } from '../../process/context.ts';
import { columnsOf } from '../../terminal/columns.ts';
import { jsonOf } from '../../terminal/json.ts';
import { jobColumns } from '../../text/job-columns.ts';
import { partyColumns } from '../../text/party-columns.ts';
import { type ListFilter, listJobs } from './filter.ts';

export async function listFromTerminal(
  filter: ListFilter,
  { output: format, watch }: { readonly output: string; readonly watch: boolean },
  viewing: Viewing,
): Promise<number> {
  const { flags, config, output, signal } = viewing;
  await using source = await openSource(flags, config);
  if (watch) {
    const { isWatchOutput, watchList } = await import('./watch.ts');
    if (!isWatchOutput(format)) {
      const message = `--output is ${format}; with --watch it must be table, wide, json or name`;
      throw new UserError({ code: 'E_USAGE', message });
    }
    await watchList(source, filter, format, viewing);
    return 0;
  }
  const jobs = listJobs(await source.list(signal), filter);
  tellUnread(jobs, output.talk);
  // What the flags choose by, a federation does not have.
  const chooses = [filter.phase, filter.method, filter.selector].some((one) => one !== undefined);
  const parties = chooses ? [] : await source.parties(signal);
  if (format === 'json') {
    const federations = parties.map(({ kind, namespace, name, status }) => ({
      ...{ kind, namespace, name },
      ...status,
    }));
    output.write(jsonOf('JobList', { items: jobs.map(jobSummary), federations }));
  } else if (format === 'yaml')
    output.write(stringify({ items: jobs.map(({ object }) => object) }));
  else if (format === 'name') output.write(jobs.map((job) => `${keyOf(job)}\n`).join(''));
  else if (jobs.length === 0 && parties.length === 0) {
    output.talk(`there are no jobs ${at(source.location)}\n`);
    const next = source.type === 'local' ? 'run' : 'submit';
    output.talk(`next: ${config.command} init, then ${config.command} ${next} job.yaml\n`);
  } else {
    const namespaces = flags.allNamespaces === true;
    const style = { namespaces, now: now(), paint: output.paint };
    const width = output.columns ?? Number.POSITIVE_INFINITY;
    const tables = [
      columnsOf(jobs, jobColumns({ wide: format === 'wide', ...style }), width),
      columnsOf(parties, partyColumns(style), width),
    ].filter((lines) => lines.length > 1);
    output.write(`${tables.map((lines) => lines.join('\n')).join('\n\n')}\n`);
  }
  return 0;
}
