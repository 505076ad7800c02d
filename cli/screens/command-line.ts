// Commands typed after a colon: those of the shell, about the visible job or a named one. Pure.
import { findJob } from '../jobs/find.ts';
import { type Job, keyOf } from '../jobs/job.ts';
import { forJob, whyNot } from './job-keys.ts';
import { type Answer, type Navigation, opened, type Seen, same, viewOf } from './navigation.ts';

/** The key that each command stands for. */
const keys = {
  logs: 'l',
  describe: 'd',
  get: 'y',
  why: 'w',
  checkpoint: 's',
  pause: 'p',
  resume: 'p',
  cancel: 'x',
} as const;
type Word = keyof typeof keys;

const words = ['list', 'watch', 'compare', ...Object.keys(keys), 'quit'];

export function obey(navigation: Navigation, text: string, seen: Seen): Answer {
  const [word = '', ...names] = text.trim().split(/\s+/);
  if (word === '') return same(navigation);
  if (word === 'q' || word === 'quit') return { navigation, effect: { type: 'Leave' } };
  if (word === 'list' || word === 'ls' || (word === 'watch' && names.length === 0)) {
    return same({ ...navigation, views: [{ type: 'Board' }], scroll: 0 });
  }
  try {
    if (word === 'compare') return compared(navigation, names, seen);
    if (word !== 'watch' && !(word in keys)) return { navigation, said: unknown(word) };
    const job = names[0] === undefined ? chosen(navigation, seen) : named(names[0], seen);
    if (job === undefined) return { navigation, said: `${word} which job? name one` };
    if (word === 'watch') return opened(navigation, { type: 'Job', key: keyOf(job) });
    return asked(navigation, word as Word, job, seen);
  } catch (error) {
    return { navigation, said: (error as Error).message }; // no such job, or an ambiguous name
  }
}

function asked(navigation: Navigation, word: Word, job: Job, { isCluster }: Seen): Answer {
  const not = refusal(word, job, isCluster);
  if (not !== undefined) return { navigation, said: `${word} ${job.name}: ${not}` };
  return forJob(navigation, { input: keys[word] }, job, isCluster);
}

function refusal(word: Word, job: Job, isCluster: boolean): string | undefined {
  const paused = job.spec.suspend === true;
  if (word === 'pause' && isCluster && paused) return 'it is paused already';
  if (word === 'resume') {
    return isCluster && !paused ? 'it is not paused' : whyNot('pause', job, isCluster);
  }
  return word === 'pause' || word === 'cancel' || word === 'checkpoint'
    ? whyNot(word, job, isCluster)
    : undefined;
}

function compared(navigation: Navigation, names: readonly string[], seen: Seen): Answer {
  const first = names.length > 1 ? undefined : chosen(navigation, seen);
  const jobs = names.map((name) => named(name, seen));
  const all = first === undefined ? jobs : [first, ...jobs];
  if (all.length < 2) return { navigation, said: 'compare needs two jobs; name them' };
  return opened(navigation, { type: 'Compare', keys: all.map(keyOf) });
}

function named(word: string, { jobs }: Seen): Job {
  return findJob(jobs, word, 'this view');
}

function chosen(navigation: Navigation, { rows, job }: Seen): Job | undefined {
  if (viewOf(navigation).type !== 'Board') return job ?? undefined;
  return rows[Math.min(navigation.row, rows.length - 1)];
}

function unknown(word: string): string {
  return `there is no command ${JSON.stringify(word)} here; commands are ${words.join(', ')}`;
}
