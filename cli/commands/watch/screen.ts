// The full screen of one job or of all jobs, and the actions of its keys.
import { stringify } from 'yaml';
import { type Job, keyOf } from '../../jobs/job.ts';
import { emptyJob, type JobState } from '../../jobs/job-state.ts';
import type { JobSource } from '../../jobs/source.ts';
import { type Why, whyOf } from '../../jobs/why.ts';
import { now } from '../../process/clock.ts';
import type { Viewing } from '../../process/context.ts';
import type { Question } from '../../screens/navigation.ts';
import { colorsOf } from '../../terminal/output.ts';
import { painter } from '../../terminal/palette.ts';
import { cancel, checkpoint, pause, requireCluster, resume } from '../change/changes.ts';
import { describeText } from '../describe/text.ts';
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
  const key = job === undefined ? undefined : keyOf(job);
  if (job !== undefined) live.open(job, { logs: false, previous: false });
  // The screen of one job closes when the job has ended, and leaves its summary.
  live.subscribe(() => {
    if (key !== undefined && first === 'Job' && isDone(source, live.job(key))) stop.abort();
  });
  const { showApp } = await loadScreens();
  await showApp(
    {
      ...{ live, location: source.location, now, glyphs: output.glyphs },
      first: key === undefined ? { type: 'Board' } : { type: first, key },
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
  return describeText({ job, losses: [], events: [], why }, style);
}
