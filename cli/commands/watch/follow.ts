// Follows one job in lines, until it ends or the --until condition holds.
import { UserError } from '../../../crds/index.ts';
import { type Job, keyOf, phaseOf } from '../../jobs/job.ts';
import { emptyJob, isOver, type JobEvent, type JobState, seeJob } from '../../jobs/job-state.ts';
import { Queue } from '../../jobs/queue.ts';
import type { JobSource } from '../../jobs/source.ts';
import { now } from '../../process/clock.ts';
import type { Viewing } from '../../process/context.ts';
import type { WatchFlags } from './run.ts';
import { type WatchView, watchJson, watchLines, watchSentences } from './text.ts';

/**
 * Feeds all changes and messages of a job to a view, until it ends or the --until condition holds.
 */
export async function lines(
  source: JobSource,
  job: Job,
  flags: WatchFlags,
  viewing: Viewing,
): Promise<JobState> {
  const { signal } = viewing;
  const view = viewOf(job, flags, viewing);
  const wanted = flags.until === undefined ? undefined : conditionOf(flags.until);
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const queue = new Queue<JobEvent>();
  const listening = listen(source, job, queue, both);
  let state = emptyJob;
  const see = (event: JobEvent): void => {
    const before = state;
    state = seeJob(state, [event]);
    view?.see(before, state, [event]);
  };
  const ended = isDone(source, { ...emptyJob, job }, wanted);
  using _held = ended ? view?.held?.() : undefined;
  see({ type: 'Job', job });
  try {
    if (ended) {
      // The messages before the end are delivered too.
      for await (const heard of source.telemetry(job, { follow: false }, both)) {
        see({ type: 'Heard', heard, at: now().getTime() / 1000 });
      }
      return state;
    }
    for await (const event of queue.items(both)) {
      see(event);
      if (isDone(source, state, wanted)) break;
    }
  } finally {
    stop.abort();
    await listening;
  }
  return state;
}

function viewOf(job: Job, flags: WatchFlags, { output, config }: Viewing): WatchView | undefined {
  const display = flags.display ?? config.display;
  const write = (line: string): void => output.write(`${line}\n`);
  if (display === 'quiet') return undefined;
  if (display === 'json') return watchJson(keyOf(job), write);
  if (flags.accessible || config.accessible) return watchSentences(write, flags.interval);
  return watchLines(job.name, write, flags.interval);
}

/** A run of this machine without a process will not continue by itself. */
export function isDone(
  source: JobSource,
  state: JobState,
  wanted?: (state: JobState) => boolean,
): boolean {
  if (isOver(state) || wanted?.(state) === true) return true;
  return source.type === 'local' && state.job !== null && phaseOf(state.job) === 'Suspended';
}

async function listen(
  source: JobSource,
  job: Job,
  queue: Queue<JobEvent>,
  signal: AbortSignal,
): Promise<void> {
  const at = () => now().getTime() / 1000;
  const jobs = async (): Promise<void> => {
    for await (const change of source.changes(signal)) {
      if (change.type === 'Away') queue.put({ type: 'Away', why: change.why, at: at() });
      else if (change.type === 'All') {
        const found = change.jobs.find(({ uid }) => uid === job.uid);
        queue.put(found === undefined ? { type: 'Gone' } : { type: 'Job', job: found });
      } else if (change.job.uid === job.uid) {
        queue.put(change.type === 'Gone' ? { type: 'Gone' } : { type: 'Job', job: change.job });
      }
    }
  };
  const workers = async (): Promise<void> => {
    for await (const heard of source.telemetry(job, { follow: true }, signal)) {
      queue.put({ type: 'Heard', heard, at: at() });
    }
  };
  await Promise.all(
    [jobs(), workers()].map((one) =>
      one.catch((error: unknown) => {
        if (!signal.aborted) queue.fail(error);
      }),
    ),
  );
}

function conditionOf(text: string): (state: JobState) => boolean {
  const [, step] = /^step=(\d+)$/.exec(text) ?? [];
  if (step !== undefined) {
    // Without messages of the workers, the status has the step ten seconds later.
    return ({ run, job }) =>
      Math.max(run.step?.step ?? 0, job?.status.progress?.step ?? 0) >= Number(step);
  }
  if (!/^[A-Za-z]+$/.test(text)) {
    const message = `--until is ${JSON.stringify(text)}; it must be a phase such as Running, or step=500`;
    throw new UserError({ code: 'E_USAGE', message });
  }
  return ({ job }) => job !== null && phaseOf(job).toLowerCase() === text.toLowerCase();
}
