// Keys that mean the same wherever a job is chosen, and why one of them does nothing now.
import { isTerminal } from '../../crds/index.ts';
import { type Job, keyOf, phaseOf } from '../jobs/job.ts';
import type { Pressed } from '../terminal/pressed.ts';
import { type Answer, type Navigation, opened, type Question, same } from './navigation.ts';

export function forJob(
  navigation: Navigation,
  { input }: Pick<Pressed, 'input'>,
  job: Job,
  isCluster: boolean,
): Answer {
  const key = keyOf(job);
  if (input === 'l') return opened(navigation, { type: 'Logs', key });
  if (input === 'd') return opened(navigation, { type: 'Text', key, what: 'describe' });
  if (input === 'y') return opened(navigation, { type: 'Text', key, what: 'yaml' });
  if (input === 'w') return opened(navigation, { type: 'Text', key, what: 'why' });
  // Nothing ends by it, so nobody is asked.
  if (input === 's' && whyNot('checkpoint', job, isCluster) === undefined) {
    return { navigation, effect: { type: 'Act', act: 'checkpoint', key } };
  }
  if (input === 'p' && whyNot('pause', job, isCluster) === undefined) {
    return same({ ...navigation, question: pauseQuestion(job, key) });
  }
  if (input === 'x' && whyNot('cancel', job, isCluster) === undefined) {
    const text = `Cancel ${job.name}? It saves first; checkpoints and results stay.`;
    return same({ ...navigation, question: { act: 'cancel', key, text, yes: 'c' } });
  }
  return same(navigation);
}

function pauseQuestion(job: Job, key: string): Question {
  return job.spec.suspend
    ? { act: 'resume', key, text: `Let ${job.name} go on?`, yes: 'r' }
    : {
        act: 'pause',
        key,
        text: `Pause ${job.name}? It saves, then gives its devices back.`,
        yes: 'p',
      };
}

/** Why a key does nothing now; undefined where it does. */
export function whyNot(
  act: 'pause' | 'cancel' | 'checkpoint',
  job: Job | null,
  isCluster: boolean,
): string | undefined {
  if (!isCluster) {
    return act === 'checkpoint'
      ? 'a run of this machine saves when its file says so'
      : 'stop it with Ctrl-C where it was started';
  }
  if (job === null) return 'no job is chosen';
  if (isTerminal(phaseOf(job))) return 'the job has ended';
  if (act === 'checkpoint' && job.spec.suspend === true) return 'it is paused and saved';
  return job.deleting ? `it is being deleted; ${act} comes too late` : undefined;
}
