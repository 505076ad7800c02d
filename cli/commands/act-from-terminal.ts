// pause, resume, checkpoint, scale, cancel and delete with their words: what changed, and the commands that come next.
import { now } from '../clock.ts';
import {
  type Acting,
  cancel,
  checkpoint,
  deleteRecord,
  pause,
  requireCluster,
  resume,
  scale,
} from './act.ts';
import { type Looking, withJob } from './look-from-terminal.ts';

export interface ActFlags {
  readonly wait: boolean;
  /** Seconds. */
  readonly timeout: number;
  readonly now?: boolean;
  readonly yes?: boolean;
}

export type Verb = 'pause' | 'resume' | 'checkpoint' | 'scale' | 'cancel' | 'delete';

export async function actFromTerminal(
  verb: Verb,
  word: string,
  flags: ActFlags,
  looking: Looking,
  workers = 0,
): Promise<number> {
  const { output, config, signal } = looking;
  return withJob(word, looking, async (job, found) => {
    const source = requireCluster(found, verb);
    const timeoutMs = flags.wait ? flags.timeout * 1000 : undefined;
    const acting: Acting = { source, job, timeoutMs, talk: output.talk, signal };
    const said = await perform(verb, acting, flags, workers);
    output.write(`${said}\n`);
    const next = nextAfter[verb];
    if (next !== undefined) output.talk(`next: ${config.command} ${next} ${job.name}\n`);
    return 0;
  });
}

const nextAfter: Readonly<Record<Verb, string | undefined>> = {
  pause: 'resume',
  resume: 'watch',
  checkpoint: 'checkpoints',
  scale: 'watch',
  cancel: undefined,
  delete: undefined,
};

function perform(verb: Verb, acting: Acting, flags: ActFlags, workers: number): Promise<string> {
  switch (verb) {
    case 'pause':
      return pause(acting);
    case 'resume':
      return resume(acting);
    case 'checkpoint':
      return checkpoint(acting, now());
    case 'scale':
      return scale(acting, workers);
    case 'cancel':
      return cancel(acting, { now: flags.now === true });
    case 'delete':
      return deleteRecord(acting);
  }
}
