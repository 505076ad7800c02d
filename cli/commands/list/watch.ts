// `anneal list --watch`, and the board in a pipe: the tables, then a line in their columns for each
// change.
import { emptyBoard, seeBoard } from '../../jobs/board-state.ts';
import { type Job, keyOf } from '../../jobs/job.ts';
import { jobSummary } from '../../jobs/job-summary.ts';
import type { JobSource, JobsChange } from '../../jobs/source.ts';
import { tellUnread } from '../../jobs/unread.ts';
import { now } from '../../process/clock.ts';
import type { Viewing } from '../../process/context.ts';
import { jobColumns } from '../../text/job-columns.ts';
import { isOfJobs, type ListFilter, listJobs } from './filter.ts';
import { rowsText } from './rows.ts';
import { besideTeller } from './watch-beside.ts';

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
  const style = () => ({
    ...{ wide: format === 'wide', namespaces: flags.allNamespaces === true, now: now() },
    ...{ paint: output.paint, columns: output.columns },
  });
  let board = emptyBoard;
  const say = (jobs: readonly Job[], head: boolean): void => {
    if (format === 'json') {
      for (const job of jobs) output.write(`${JSON.stringify(jobSummary(job))}\n`);
    } else if (format === 'name') {
      for (const job of jobs) output.write(`${keyOf(job)}\n`);
    } else {
      const said = new Set(jobs.map(keyOf));
      const all = listJobs([...board.jobs.values()], filter);
      const columns = jobColumns(style());
      output.write(rowsText(all, columns, (job) => said.has(keyOf(job)), head, style()));
    }
  };
  const see = (change: JobsChange): void => {
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
  };
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const loaded = Promise.withResolvers<void>();
  const jobs = async (): Promise<void> => {
    for await (const change of source.changes(both)) {
      see(change);
      if (change.type === 'All') loaded.resolve();
    }
    loaded.resolve();
  };
  // Below the jobs.
  const beside = async (): Promise<void> => {
    await loaded.promise;
    if (isOfJobs(filter, format)) return;
    const tell = besideTeller(style, format === 'json', output);
    for await (const all of source.besideChanges(both)) tell(all);
  };
  const following = [jobs(), beside()].map((one) =>
    one.catch((error: unknown) => {
      stop.abort();
      loaded.resolve();
      if (!signal.aborted) throw error;
    }),
  );
  await Promise.all(following);
}
