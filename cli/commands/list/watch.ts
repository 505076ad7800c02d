// `anneal list --watch`, and the board in a pipe: the table, then a line in its columns for each
// change.
import { emptyBoard, seeBoard } from '../../jobs/board-state.ts';
import { type Job, keyOf } from '../../jobs/job.ts';
import { jobSummary } from '../../jobs/job-summary.ts';
import type { JobSource } from '../../jobs/source.ts';
import { tellUnread } from '../../jobs/unread.ts';
import { now } from '../../process/clock.ts';
import type { Viewing } from '../../process/context.ts';
import { columnsOf } from '../../terminal/columns.ts';
import { jobColumns } from '../../text/job-columns.ts';
import { type ListFilter, listJobs } from './filter.ts';

const outputs = ['table', 'wide', 'json', 'name'] as const;
export type WatchOutput = (typeof outputs)[number];

export function isWatchOutput(word: string): word is WatchOutput {
  return outputs.some((output) => output === word);
}

/** Until the signal is aborted. */
export async function watchList(
  source: JobSource,
  filter: ListFilter,
  format: WatchOutput,
  { flags, output, signal }: Viewing,
): Promise<void> {
  let board = emptyBoard;
  const namespaces = flags.allNamespaces === true;
  const say = (jobs: readonly Job[], head: boolean): void => {
    if (format === 'json') {
      for (const job of jobs) output.write(`${JSON.stringify(jobSummary(job))}\n`);
    } else if (format === 'name') {
      for (const job of jobs) output.write(`${keyOf(job)}\n`);
    } else {
      const columns = jobColumns({
        ...{ wide: format === 'wide', namespaces, now: now(), paint: output.paint },
      });
      const all = listJobs([...board.jobs.values()], filter);
      const [first, ...lines] = columnsOf(all, columns, output.columns ?? Number.POSITIVE_INFINITY);
      const said = new Set(jobs.map(keyOf));
      const shown = lines.filter((_, index) => said.has(keyOf(all[index] as Job)));
      const text = [...(head && first !== undefined ? [first] : []), ...shown];
      if (text.length > 0) output.write(`${text.join('\n')}\n`);
    }
  };
  for await (const change of source.changes(signal)) {
    board = seeBoard(board, [{ change, at: now().getTime() / 1000 }]);
    switch (change.type) {
      case 'All':
        say(listJobs(change.jobs, filter), true);
        tellUnread(listJobs(change.jobs, filter), output.talk);
        break;
      case 'Changed':
        say(listJobs([change.job], filter), false);
        break;
      case 'Gone':
        if (listJobs([change.job], filter).length === 0) break;
        if (format === 'json') {
          output.write(`${JSON.stringify({ ...jobSummary(change.job), deleted: true })}\n`);
        } else output.talk(`${change.job.name} deleted\n`);
        break;
      case 'Away':
        output.talk(`${change.why}\n`);
        break;
    }
  }
}
