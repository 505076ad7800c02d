// Keys that act on the selected job, and why one is disabled.
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
  // Saving interrupts nothing, so it needs no confirmation.
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
    ? { act: 'resume', key, text: `Resume ${job.name}?`, yes: 'r' }
    : {
        act: 'pause',
        key,
        text: `Pause ${job.name}? It saves, then releases its devices.`,
        yes: 'p',
      };
}

/** Why a key is disabled; undefined where it works. */
export function whyNot(
  act: 'pause' | 'cancel' | 'checkpoint',
  job: Job | null,
  isCluster: boolean,
): string | undefined {
  if (!isCluster) {
    return act === 'checkpoint'
      ? 'a run of this machine saves at its checkpoint interval'
      : 'stop it with Ctrl-C in its own terminal';
  }
  if (job === null) return 'no job is selected';
  if (isTerminal(phaseOf(job))) return 'the job has ended';
  if (act === 'checkpoint' && job.spec.suspend === true) return 'it is paused and saved';
  return job.deleting ? `it is being deleted` : undefined;
}
