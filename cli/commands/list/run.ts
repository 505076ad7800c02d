// `anneal list`: the jobs of a source, once or with every change; and once what is beside them.
import { stringify } from 'yaml';
import { UserError } from '../../../crds/index.ts';
import { allBeside, nothingBeside } from '../../jobs/beside.ts';
import { besideSummary } from '../../jobs/beside-summary.ts';
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
import { poolColumns } from '../../text/pool-columns.ts';
import { serverColumns } from '../../text/server-columns.ts';
import { isOfJobs, type ListFilter, listJobs } from './filter.ts';

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
  const beside = isOfJobs(filter, format) ? nothingBeside : await source.besideJobs(signal);
  const { parties, pools, servers } = beside;
  tellUnread(allBeside(beside), output.talk);
  if (format === 'json') {
    output.write(jsonOf('JobList', { items: jobs.map(jobSummary), ...besideSummary(beside) }));
  } else if (format === 'yaml')
    output.write(stringify({ items: jobs.map(({ object }) => object) }));
  else if (format === 'name') output.write(jobs.map((job) => `${keyOf(job)}\n`).join(''));
  else if ([...jobs, ...allBeside(beside)].length === 0) {
    output.talk(`there are no jobs ${at(source.location)}\n`);
    const next = source.type === 'local' ? 'run' : 'submit';
    output.talk(`next: ${config.command} init, then ${config.command} ${next} job.yaml\n`);
  } else {
    const namespaces = flags.allNamespaces === true;
    const style = { wide: format === 'wide', namespaces, now: now(), paint: output.paint };
    const width = output.columns ?? Number.POSITIVE_INFINITY;
    const tables = [
      columnsOf(jobs, jobColumns(style), width),
      columnsOf(parties, partyColumns(style), width),
      columnsOf(pools, poolColumns(style), width),
      columnsOf(servers, serverColumns(style), width),
    ].filter((lines) => lines.length > 1);
    output.write(`${tables.map((lines) => lines.join('\n')).join('\n\n')}\n`);
  }
  return 0;
}
