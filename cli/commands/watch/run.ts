// `anneal watch`: the board, or one job until it ends; a full screen on a terminal, lines in a
// pipe. Leaving never changes the job.
import { failureOf, TerminalError, UserError } from '../../../crds/index.ts';
import type { BesideJob } from '../../jobs/beside.ts';
import { findBesideJobs, findJob } from '../../jobs/find.ts';
import { type Job, keyOf, phaseOf } from '../../jobs/job.ts';
import type { JobState } from '../../jobs/job-state.ts';
import { openSource } from '../../jobs/open-source.ts';
import type { JobSource } from '../../jobs/source.ts';
import { tellUnread } from '../../jobs/unread.ts';
import { withJob } from '../../jobs/with-job.ts';
import type { Viewing } from '../../process/context.ts';
import type { DisplayFlags, Theme } from '../../process/flags.ts';
import { lines } from './follow.ts';
import { besideScreen, loadScreens, screen } from './screen.ts';
import { watchSummary } from './summary.ts';

export interface WatchFlags {
  readonly display: DisplayFlags['display'];
  readonly accessible?: boolean;
  readonly color?: boolean | undefined;
  readonly theme?: Theme | undefined;
  readonly motion?: boolean | undefined;
  /** False: 0 whatever the outcome of the job. */
  readonly exitStatus: boolean;
  /** A phase, or `step=500`. */
  readonly until: string | undefined;
  /** Seconds of training between two lines about steps. */
  readonly interval?: number | undefined;
}

export async function watchFromTerminal(
  word: string | undefined,
  flags: WatchFlags,
  viewing: Viewing,
): Promise<number> {
  const local = word?.startsWith('local/') === true;
  const asked = local ? { ...viewing.flags, local: true } : viewing.flags;
  const isScreen = await wantsScreen(flags, viewing);
  // Loaded while the API server answers.
  if (isScreen) void loadScreens().catch(() => undefined); // reported where it is needed
  await using source = await openSource(asked, viewing.config);
  if (word === undefined) {
    if (!isScreen) {
      const { watchList } = await import('../list/watch.ts');
      const format = flags.display === 'json' ? 'json' : 'table';
      await watchList(source, everyJob, format, viewing);
      return 0;
    }
    const { interrupted } = await screen(source, undefined, flags, viewing);
    return interrupted ? failureOf('E_INTERRUPTED').cliExit : 0;
  }
  const name = local ? word.slice('local/'.length) : word;
  const jobs = await source.list(viewing.signal);
  const beside = await besideOf(name, jobs, source, viewing.signal);
  if (beside !== undefined) {
    tellUnread([beside], viewing.output.talk);
    const { besideEnded, besideLines } = await import('./beside.ts');
    if (!isScreen || flags.until !== undefined) {
      return await besideLines(source, beside, flags, viewing);
    }
    const { last, interrupted } = await besideScreen(source, beside, flags, viewing);
    const code = besideEnded(last, beside, flags, viewing);
    return interrupted ? failureOf('E_INTERRUPTED').cliExit : code;
  }
  const job = findJob(jobs, name, source.location);
  tellUnread([job], viewing.output.talk);
  if (isScreen && flags.until === undefined) {
    const { state, interrupted } = await screen(source, job, flags, viewing);
    const code = ended(state, source, flags, viewing);
    return interrupted ? failureOf('E_INTERRUPTED').cliExit : code;
  }
  const state = await lines(source, job, flags, viewing);
  return ended(state, source, flags, viewing);
}

/** The server, the pool or the federation that a word names, where no job has just this name. */
async function besideOf(
  name: string,
  jobs: readonly Job[],
  source: JobSource,
  signal: AbortSignal,
): Promise<BesideJob | undefined> {
  if (jobs.some((job) => job.name === name || keyOf(job) === name)) return undefined;
  const [found, other] = findBesideJobs(name, await source.besideJobs(signal));
  if (found === undefined || other === undefined) return found;
  const hint = `write ${besideWord(found)} or ${besideWord(other)}`;
  throw new UserError({ code: 'E_USAGE', message: `${name} is the name of several`, hint });
}

function besideWord({ kind, name }: BesideJob): string {
  return `${kind.toLowerCase()}/${name}`;
}

/**
 * `logs --full`: the screen of a job, opened at its log. It does not wait for the end of the job.
 */
export async function watchLogs(
  word: string,
  { color, theme }: Pick<WatchFlags, 'color' | 'theme'>,
  viewing: Viewing,
): Promise<number> {
  const flags = { display: 'auto', color, theme, exitStatus: false, until: undefined } as const;
  if (!(await wantsScreen(flags, viewing))) {
    const message = '--full needs a terminal that can show a screen';
    throw new UserError({ code: 'E_USAGE', message, hint: 'leave --full out for plain lines' });
  }
  return withJob(word, viewing, async (job, source) => {
    const { state, interrupted } = await screen(source, job, flags, viewing, 'Logs');
    ended(state, source, flags, viewing);
    return interrupted ? failureOf('E_INTERRUPTED').cliExit : 0;
  });
}

/** Newest first. */
const everyJob = { phase: undefined, method: undefined, selector: undefined, sort: 'age' } as const;

async function wantsScreen(flags: WatchFlags, { config, output }: Viewing): Promise<boolean> {
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
  { output, config }: Viewing,
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
    message: `${job.name} failed: ${failure?.message ?? 'no reason was recorded'}`,
    hint: `${command} why ${job.name} shows what to change`,
  });
}
