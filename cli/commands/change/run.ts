// Prints what pause, resume, checkpoint, scale, cancel and delete changed, and the next commands.
import { isTerminal, UserError } from '../../../crds/index.ts';
import { uriOf } from '../../jobs/data-locations.ts';
import { phaseOf } from '../../jobs/job.ts';
import { withJob } from '../../jobs/with-job.ts';
import { now } from '../../process/clock.ts';
import type { Viewing } from '../../process/context.ts';
import { answerTo } from '../../terminal/ask.ts';
import {
  type Acting,
  cancel,
  checkpoint,
  deleteRecord,
  pause,
  requireCluster,
  resume,
  scale,
} from './changes.ts';
import { erase, prepareErasure } from './erase.ts';

export interface ChangeFlags {
  readonly wait: boolean;
  /** Seconds. */
  readonly timeout: number;
  readonly now?: boolean;
  readonly deleteData?: boolean;
  /** The name of the job, instead of typing it. */
  readonly confirm?: string;
  readonly yes?: boolean;
}

export type Verb = 'pause' | 'resume' | 'checkpoint' | 'scale' | 'cancel' | 'delete';

export async function changeFromTerminal(
  verb: Verb,
  word: string,
  flags: ChangeFlags,
  viewing: Viewing,
  workers = 0,
): Promise<number> {
  const { output, config, signal } = viewing;
  return withJob(word, viewing, async (job, found) => {
    const source = requireCluster(found, verb);
    const timeoutMs = flags.wait ? flags.timeout * 1000 : undefined;
    const acting: Acting = { source, job, timeoutMs, talk: output.talk, signal };
    const said = await perform(verb, acting, flags, workers, viewing);
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

function perform(
  verb: Verb,
  acting: Acting,
  flags: ChangeFlags,
  workers: number,
  viewing: Viewing,
): Promise<string> {
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
      if (flags.deleteData === true) return cancelWithData(acting, flags, viewing);
      return cancel(acting, { now: flags.now === true });
    case 'delete':
      return deleteRecord(acting);
  }
}

/** An irreversible change requires the name of the job, typed or as a flag. */
async function cancelWithData(
  acting: Acting,
  { confirm }: ChangeFlags,
  { output, signal }: Viewing,
): Promise<string> {
  const { source, job, timeoutMs } = acting;
  if (timeoutMs === undefined) {
    const message = '--delete-data waits until the job is gone, and --no-wait does not wait';
    throw new UserError({ code: 'E_USAGE', message, hint: 'leave one of them out' });
  }
  const erasure = await prepareErasure({ source, job, signal });
  for (const location of erasure.volumes) output.talk(`removes ${uriOf(location)}\n`);
  for (const uri of erasure.elsewhere) output.talk(`stays ${uri}\n`);
  const question = `Type the name of the job to cancel it and remove its data: `;
  const typed = confirm ?? (await answerTo(question, '--delete-data', output, signal));
  if (typed !== job.name) {
    throw new UserError({
      code: 'E_USAGE',
      message: `nothing was done: the job is ${job.name}, and ${JSON.stringify(typed)} was ${confirm === undefined ? 'typed' : 'given'}`,
      hint: `--confirm ${job.name} answers without being asked`,
    });
  }
  // A save that is removed a moment later is useless.
  if (isTerminal(phaseOf(job))) await deleteRecord(acting);
  else await cancel(acting, { now: true });
  await erase({ source, job, timeoutMs, signal }, erasure);
  const removed =
    erasure.volumes.length > 0
      ? 'its checkpoints and results are removed'
      : 'it has no data in a volume';
  return `${job.name} is gone; ${removed}`;
}
