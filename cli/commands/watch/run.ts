// `anneal watch`: the board, or one job until it ends. On a terminal a full screen; in a pipe lines; the job is never changed by leaving.
import { stringify } from 'yaml';
import { failureOf, TerminalError, UserError } from '../../../crds/index.ts';
import { findJob } from '../../jobs/find.ts';
import { type Job, keyOf, phaseOf } from '../../jobs/job.ts';
import { emptyJob, isOver, type JobEvent, type JobState, seeJob } from '../../jobs/job-state.ts';
import { openSource } from '../../jobs/open-source.ts';
import { Queue } from '../../jobs/queue.ts';
import type { JobSource } from '../../jobs/source.ts';
import { tellUnread } from '../../jobs/unread.ts';
import { type Why, whyOf } from '../../jobs/why.ts';
import { now } from '../../process/clock.ts';
import type { DisplayFlags, Theme } from '../../process/flags.ts';
import type { Question } from '../../screens/navigation.ts';
import { colorsOf } from '../../terminal/output.ts';
import { painter } from '../../terminal/palette.ts';
import { cancel, checkpoint, pause, requireCluster, resume } from '../change/changes.ts';
import { describeText } from '../describe/text.ts';
import { type Looking, withJob } from '../list/run.ts';
import { watchSummary } from './summary.ts';
import { type WatchView, watchJson, watchLines, watchSentences } from './text.ts';

export interface WatchFlags {
  readonly display: DisplayFlags['display'];
  readonly accessible?: boolean;
  readonly color?: boolean | undefined;
  readonly theme?: Theme | undefined;
  readonly motion?: boolean | undefined;
  /** False: 0 whatever became of the job. */
  readonly exitStatus: boolean;
  /** A phase, or `step=500`. */
  readonly until: string | undefined;
  /** Seconds of training between two lines about steps. */
  readonly interval?: number | undefined;
}

export async function watchFromTerminal(
  word: string | undefined,
  flags: WatchFlags,
  looking: Looking,
): Promise<number> {
  const local = word?.startsWith('local/') === true;
  const asked = local ? { ...looking.flags, local: true } : looking.flags;
  const isScreen = await wantsScreen(flags, looking);
  // Loaded while the API server is asked.
  if (isScreen) void loadScreens().catch(() => undefined); // told where it is needed
  await using source = await openSource(asked, looking.config);
  if (word === undefined) {
    if (!isScreen) {
      const { watchList } = await import('../list/watch.ts');
      const format = flags.display === 'json' ? 'json' : 'table';
      await watchList(source, everyJob, format, looking);
      return 0;
    }
    const { interrupted } = await screen(source, undefined, flags, looking);
    return interrupted ? failureOf('E_INTERRUPTED').cliExit : 0;
  }
  const name = local ? word.slice('local/'.length) : word;
  const job = findJob(await source.list(looking.signal), name, source.place);
  tellUnread([job], looking.output.talk);
  if (isScreen && flags.until === undefined) {
    const { state, interrupted } = await screen(source, job, flags, looking);
    const code = ended(state, source, flags, looking);
    return interrupted ? failureOf('E_INTERRUPTED').cliExit : code;
  }
  const state = await lines(source, job, flags, looking);
  return ended(state, source, flags, looking);
}

/** `logs --full`: the screen of a job, opened at its log. Nobody stays for the end of the job. */
export async function watchLogs(
  word: string,
  { color, theme }: Pick<WatchFlags, 'color' | 'theme'>,
  looking: Looking,
): Promise<number> {
  const flags = { display: 'auto', color, theme, exitStatus: false, until: undefined } as const;
  if (!(await wantsScreen(flags, looking))) {
    const message = '--full is a screen, and this is no terminal that shows one';
    throw new UserError({ code: 'E_USAGE', message, hint: 'leave --full out for plain lines' });
  }
  return withJob(word, looking, async (job, source) => {
    const { state, interrupted } = await screen(source, job, flags, looking, 'Logs');
    ended(state, source, flags, looking);
    return interrupted ? failureOf('E_INTERRUPTED').cliExit : 0;
  });
}

/** Newest first. */
const everyJob = { phase: undefined, method: undefined, selector: undefined, sort: 'age' } as const;

async function wantsScreen(flags: WatchFlags, { config, output }: Looking): Promise<boolean> {
  const display = flags.display ?? config.display;
  if (flags.accessible || config.accessible) return false;
  if (display === 'tty') return true;
  const { fewestRows } = await import('../../terminal/window.ts');
  const able = output.isTerminal && !config.dumbTerminal && process.stdin.isTTY === true;
  return display === 'auto' && able && (process.stdout.rows ?? 24) >= fewestRows;
}

function ended(
  state: JobState,
  source: JobSource,
  flags: WatchFlags,
  { output, config }: Looking,
): number {
  const { command } = config;
  if (flags.display !== 'json') {
    const style = { paint: output.paint, command, isCluster: source.type === 'cluster' };
    for (const line of watchSummary(state, style)) {
      if (line.startsWith('next: ')) output.talk(`${line}\n`);
      else output.write(`${line}\n`);
    }
  }
  if (!flags.exitStatus) return 0;
  if (state.gone) return failureOf('E_JOB_CANCELLED').cliExit;
  const { job } = state;
  if (job === null || phaseOf(job) !== 'Failed') return 0;
  const { failure } = job.status;
  throw new TerminalError({
    code: 'E_JOB_FAILED',
    message: `${job.name} failed: ${failure?.message ?? 'nobody said why'}`,
    hint: `${command} why ${job.name} tells what to change`,
  });
}

/** Everything that is heard of one job, until it ends or what was asked for is there. */
async function lines(
  source: JobSource,
  job: Job,
  flags: WatchFlags,
  looking: Looking,
): Promise<JobState> {
  const { signal } = looking;
  const view = viewOf(job, flags, looking);
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
      // What it said before it ended is told too.
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

function viewOf(job: Job, flags: WatchFlags, { output, config }: Looking): WatchView | undefined {
  const display = flags.display ?? config.display;
  const write = (line: string): void => output.write(`${line}\n`);
  if (display === 'quiet') return undefined;
  if (display === 'json') return watchJson(keyOf(job), write);
  if (flags.accessible || config.accessible) return watchSentences(write, flags.interval);
  return watchLines(job.name, write, flags.interval);
}

/** A run of this machine that nobody owns any more does not go on by itself. */
function isDone(
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
    // Of a job whose workers nobody hears, the status knows it ten seconds later.
    return ({ run, job }) =>
      Math.max(run.step?.step ?? 0, job?.status.progress?.step ?? 0) >= Number(step);
  }
  if (!/^[A-Za-z]+$/.test(text)) {
    const message = `--until is ${JSON.stringify(text)}; it must be a phase such as Running, or step=500`;
    throw new UserError({ code: 'E_USAGE', message });
  }
  return ({ job }) => job !== null && phaseOf(job).toLowerCase() === text.toLowerCase();
}

/** Takes a quarter of a second of processor the first time. */
async function loadScreens() {
  await import('../../dev/tsx-hook.ts');
  return await import('../../screens/show.tsx');
}

async function screen(
  source: JobSource,
  job: Job | undefined,
  flags: WatchFlags,
  looking: Looking,
  first: 'Job' | 'Logs' = 'Job',
): Promise<{ readonly state: JobState; readonly interrupted: boolean }> {
  const { config, output, signal } = looking;
  const { Live } = await import('../../screens/live.ts');
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  let problem: unknown;
  let interrupted = false;
  const live = new Live({
    ...{ source, now, signal: both },
    failed(error) {
      problem = error;
      stop.abort();
    },
  });
  const key = job === undefined ? undefined : keyOf(job);
  if (job !== undefined) live.open(job, { logs: false, previous: false });
  // The screen of one job closes when the job has ended, and leaves its summary.
  live.subscribe(() => {
    if (key !== undefined && first === 'Job' && isDone(source, live.job(key))) stop.abort();
  });
  const { showApp } = await loadScreens();
  await showApp(
    {
      ...{ live, place: source.place, now, glyphs: output.glyphs },
      first: key === undefined ? { type: 'Board' } : { type: first, key },
      isCluster: source.type === 'cluster',
      namespaces: looking.flags.allNamespaces === true,
      ...{ color: colorsOf(config, flags), keys: config.keys },
      still: flags.motion === false || !config.motion,
      interrupted() {
        interrupted = true;
      },
      act: (act, about) => actOn(act, about, source, signal),
      textOf: (what, about, columns) => {
        const why = whyOf(about, config.command, live.around(about));
        return textOf(what, about, columns, why);
      },
    },
    both,
  );
  const state = key === undefined ? emptyJob : live.job(key);
  stop.abort();
  if (problem !== undefined) throw problem;
  return { state, interrupted };
}

function actOn(
  act: Question['act'],
  job: Job,
  found: JobSource,
  signal: AbortSignal,
): Promise<string> {
  const source = requireCluster(found, act);
  // The screen shows what becomes of it; nobody has to wait.
  const acting = { source, job, timeoutMs: undefined, talk: () => {}, signal };
  if (act === 'pause') return pause(acting);
  if (act === 'checkpoint') return checkpoint(acting, now());
  return act === 'resume' ? resume(acting) : cancel(acting, { now: false });
}

function textOf(what: 'describe' | 'yaml' | 'why', job: Job, columns: number, why: Why): string {
  if (what === 'yaml') return stringify(job.object);
  if (what === 'why') {
    const { happened, doing, change } = why;
    return [happened, doing, change].filter((text) => text !== '').join('\n');
  }
  const style = { width: Math.min(100, columns), now: now(), paint: painter(false) };
  return describeText({ job, losses: [], happenings: [], why }, style);
}
