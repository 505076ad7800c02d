// Commands that look at jobs once and print: list, get, describe, why, checkpoints. What they know comes from a source; what they
// print from format/.
import { stringify } from 'yaml';
import { UserError } from '../../../crds/index.ts';
import { checkpointsOf } from '../../jobs/checkpoints.ts';
import { at, findJob } from '../../jobs/find.ts';
import { type Job, keyOf, phaseOf } from '../../jobs/job.ts';
import { messagesOf } from '../../jobs/messages.ts';
import { openSource } from '../../jobs/open-source.ts';
import type { JobSource } from '../../jobs/source.ts';
import { tellUnread } from '../../jobs/unread.ts';
import { whyOf } from '../../jobs/why.ts';
import { historyOf, seriesOf } from '../../metrics/history.ts';
import { now } from '../../process/clock.ts';
import type { CliConfig } from '../../process/config.ts';
import type { SourceFlags } from '../../process/source-flags.ts';
import { columnsOf, shortened } from '../../terminal/columns.ts';
import { jsonOf } from '../../terminal/json.ts';
import { bytes } from '../../terminal/numbers.ts';
import { type Output, pipeWidth } from '../../terminal/output.ts';
import { styleOf } from '../../terminal/palette.ts';
import { wrap } from '../../terminal/wrap.ts';
import { jobColumns } from '../../text/job-columns.ts';
import { describeText } from '../describe/text.ts';
import { jobSummary, type ListFilter, listJobs } from './filter.ts';

export interface Looking {
  readonly flags: SourceFlags;
  readonly config: CliConfig;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** Opens the source and finds the job that a word means. */
export async function withJob<T>(
  word: string,
  { flags, config, output, signal }: Looking,
  use: (job: Job, source: JobSource) => Promise<T>,
): Promise<T> {
  const local = word.startsWith('local/');
  const asked = local ? { ...flags, local: true } : flags;
  await using source = await openSource(asked, config);
  const name = local ? word.slice('local/'.length) : word;
  const job = findJob(await source.list(signal), name, source.place);
  tellUnread([job], output.talk);
  return await use(job, source);
}

export async function listFromTerminal(
  filter: ListFilter,
  { output: format, watch }: { readonly output: string; readonly watch: boolean },
  looking: Looking,
): Promise<number> {
  const { flags, config, output, signal } = looking;
  await using source = await openSource(flags, config);
  if (watch) {
    const { isWatchOutput, watchList } = await import('./watch.ts');
    if (!isWatchOutput(format)) {
      const message = `--output is ${format}; with --watch it must be table, wide, json or name`;
      throw new UserError({ code: 'E_USAGE', message });
    }
    await watchList(source, filter, format, looking);
    return 0;
  }
  const jobs = listJobs(await source.list(signal), filter);
  tellUnread(jobs, output.talk);
  if (format === 'json') output.write(jsonOf('JobList', { items: jobs.map(jobSummary) }));
  else if (format === 'yaml') output.write(stringify({ items: jobs.map(({ object }) => object) }));
  else if (format === 'name') output.write(jobs.map((job) => `${keyOf(job)}\n`).join(''));
  else if (jobs.length === 0) {
    output.talk(`there are no jobs ${at(source.place)}\n`);
    const next = source.type === 'local' ? 'run' : 'submit';
    output.talk(`next: ${config.command} init, then ${config.command} ${next} job.yaml\n`);
  } else {
    const namespaces = flags.allNamespaces === true;
    const columns = jobColumns({
      ...{ wide: format === 'wide', namespaces, now: now(), paint: output.paint },
    });
    const lines = columnsOf(jobs, columns, output.columns ?? Number.POSITIVE_INFINITY);
    output.write(`${lines.join('\n')}\n`);
  }
  return 0;
}

export async function getFromTerminal(
  word: string,
  format: string,
  looking: Looking,
): Promise<number> {
  return withJob(word, looking, async ({ object }) => {
    const text = format === 'json' ? `${JSON.stringify(object, null, 2)}\n` : stringify(object);
    looking.output.write(text);
    return 0;
  });
}

export async function describeFromTerminal(
  word: string,
  format: string,
  looking: Looking,
): Promise<number> {
  const { output, config, signal } = looking;
  return withJob(word, looking, async (job, source) => {
    const losses = seriesOf(historyOf(await messagesOf(source, job, output.talk, signal)), 'loss');
    const happenings = await source.happenings(job, signal);
    const why = whyOf(job, config.command, await source.surroundings(job, signal));
    if (format === 'json') {
      output.write(jsonOf('JobDescription', { job: jobSummary(job), why, happenings }));
      return 0;
    }
    const width = Math.min(100, output.columns ?? pipeWidth);
    const style = { width, now: now(), paint: output.paint };
    output.write(describeText({ job, losses, happenings, why }, style));
    return 0;
  });
}

export async function whyFromTerminal(
  word: string,
  format: string,
  looking: Looking,
): Promise<number> {
  const { output, config, signal } = looking;
  return withJob(word, looking, async (job, source) => {
    const why = whyOf(job, config.command, await source.surroundings(job, signal));
    const phase = phaseOf(job);
    if (format === 'json') {
      output.write(jsonOf('Why', { ...jobSummary(job), ...why }));
      return 0;
    }
    const width = Math.min(100, output.columns ?? pipeWidth);
    const style = styleOf(phase);
    const head = `${output.paint(job.name, { bold: true })}  ${output.paint(`${style.glyph} ${phase}`, style)}`;
    const words = [why.happened, why.doing, why.change].filter((text) => text !== '');
    output.write(`${[head, ...words.flatMap((text) => wrap(text, width))].join('\n')}\n`);
    return 0;
  });
}

/** What stands before the places of checkpoints. */
const placeColumn = 66;

export async function checkpointsFromTerminal(
  word: string,
  format: string,
  looking: Looking,
): Promise<number> {
  const { output, config, signal } = looking;
  return withJob(word, looking, async (job, source) => {
    const messages = await messagesOf(source, job, output.talk, signal);
    const found = await checkpointsOf(job, messages);
    if (format === 'json') output.write(jsonOf('CheckpointList', { job: job.name, items: found }));
    else if (found.length === 0) {
      output.talk(`${job.name} has no checkpoint yet\n`);
      output.talk(`next: ${config.command} describe ${job.name}\n`);
    } else {
      // The end of a place tells one from another; programs get all of it.
      const room = Math.max(20, (output.columns ?? Number.POSITIVE_INFINITY) - placeColumn);
      const lines = columnsOf(
        found,
        [
          { head: 'STEP', rank: 0, right: true, cell: ({ step }) => String(step) },
          {
            head: 'HELD OUT',
            rank: 2,
            right: true,
            cell: ({ evalLoss }) => evalLoss?.toFixed(4) ?? '–',
          },
          {
            head: '',
            rank: 1,
            cell: ({ best, newest }) =>
              [...(newest ? ['newest'] : []), ...(best ? ['best'] : [])].join(', '),
          },
          {
            head: 'SIZE',
            rank: 3,
            right: true,
            cell: (one) => (one.bytes === undefined ? '–' : bytes(one.bytes)),
          },
          { head: 'WRITTEN', rank: 4, cell: ({ time }) => time?.replace(/\.\d+Z$/, 'Z') ?? '–' },
          { head: 'PLACE', rank: 5, cell: ({ place }) => shortened(place, room) },
        ],
        Number.POSITIVE_INFINITY,
      );
      output.write(`${lines.join('\n')}\n`);
    }
    return 0;
  });
}
