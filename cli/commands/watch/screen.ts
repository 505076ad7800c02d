// The full screen of one job or of all jobs, and the actions of its keys.
import { stringify } from 'yaml';
import { type BesideJob, besideKey } from '../../jobs/beside.ts';
import { type Job, keyOf } from '../../jobs/job.ts';
import { jobStages } from '../../jobs/job-stages.ts';
import { emptyJob, type JobState } from '../../jobs/job-state.ts';
import type { JobSource } from '../../jobs/source.ts';
import { type Why, whyOf } from '../../jobs/why.ts';
import { now } from '../../process/clock.ts';
import type { Viewing } from '../../process/context.ts';
import type { Live } from '../../screens/live.ts';
import type { Question, View } from '../../screens/navigation.ts';
import { colorsOf } from '../../terminal/output.ts';
import { painter } from '../../terminal/palette.ts';
import { cancel, checkpoint, pause, requireCluster, resume } from '../change/changes.ts';
import { describeText } from '../describe/text.ts';
import { hasEnded } from './beside.ts';
import { isDone } from './follow.ts';
import type { WatchFlags } from './run.ts';

/** The first load takes a quarter of a second of processor time. */
export async function loadScreens() {
  await import('../../dev/tsx-hook.ts');
  return await import('../../screens/show.tsx');
}

export async function screen(
  source: JobSource,
  job: Job | undefined,
  flags: WatchFlags,
  viewing: Viewing,
  first: 'Job' | 'Logs' = 'Job',
): Promise<{ readonly state: JobState; readonly interrupted: boolean }> {
  const key = job === undefined ? undefined : keyOf(job);
  const view: View = key === undefined ? { type: 'Board' } : { type: first, key };
  const stateIn = (live: Live) => (key === undefined ? emptyJob : live.job(key));
  const { live, interrupted } = await shown(source, view, flags, viewing, {
    begin: (begun) => {
      if (job !== undefined) begun.open(job, { logs: false, previous: false });
    },
    // The screen of one job closes when the job has ended, and leaves its summary.
    isOver: (now) => key !== undefined && first === 'Job' && isDone(source, stateIn(now)),
  });
  return { state: stateIn(live), interrupted };
}

/** Of a server or a pool, until it is deleted; of a federation, until it has ended too. */
export async function besideScreen(
  source: JobSource,
  one: BesideJob,
  flags: WatchFlags,
  viewing: Viewing,
): Promise<{ readonly last: BesideJob | undefined; readonly interrupted: boolean }> {
  const key = besideKey(one);
  let last: BesideJob | undefined = one;
  const { interrupted } = await shown(source, { type: 'Beside', key }, flags, viewing, {
    begin: (live) => live.followBeside(),
    isOver: (live) => {
      if (!live.knowsBeside) return false;
      const found = live.besideJob(key);
      last = found?.uid === one.uid ? found : undefined;
      return last === undefined || hasEnded(last);
    },
  });
  return { last, interrupted };
}

interface Course {
  readonly begin: (live: Live) => void;
  /** Asked for every frame; then the screen closes by itself. */
  readonly isOver: (live: Live) => boolean;
}

async function shown(
  source: JobSource,
  first: View,
  flags: WatchFlags,
  viewing: Viewing,
  { begin, isOver }: Course,
): Promise<{ readonly live: Live; readonly interrupted: boolean }> {
  const { config, output, signal } = viewing;
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
  begin(live);
  live.subscribe(() => {
    if (isOver(live)) stop.abort();
  });
  const { showApp } = await loadScreens();
  await showApp(
    {
      ...{ live, location: source.location, now, glyphs: output.glyphs, first },
      isCluster: source.type === 'cluster',
      namespaces: viewing.flags.allNamespaces === true,
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
  stop.abort();
  if (problem !== undefined) throw problem;
  return { live, interrupted };
}

function actOn(
  act: Question['act'],
  job: Job,
  found: JobSource,
  signal: AbortSignal,
): Promise<string> {
  const source = requireCluster(found, act);
  // The screen shows the result; the key does not wait for it.
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
  return describeText({ job, stages: jobStages(job), losses: [], events: [], why }, style);
}
