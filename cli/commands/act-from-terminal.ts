// pause, resume, checkpoint, scale, cancel, delete and submit with their words: what changed, and the commands that come next.
import { text as readAll } from 'node:stream/consumers';
import { UserError } from '../../crds/index.ts';
import { readText } from '../client/read-job.ts';
import { now } from '../clock.ts';
import { jsonOf } from '../command-table/json.ts';
import { styleOf } from '../format/palette.ts';
import { entry } from '../format/wrap.ts';
import { openCluster } from '../jobs/cluster-source.ts';
import { keyOf, methodOf, modelOf } from '../jobs/job.ts';
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
import { jobSummary } from './list.ts';
import { type Looking, withJob } from './look-from-terminal.ts';
import { readJobs, type SubmitOptions, type Submitted, submitJob } from './submit.ts';

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

export interface SubmitFlags extends SubmitOptions {
  readonly watch: boolean | undefined;
  readonly wait: boolean;
  readonly output: 'text' | 'json' | 'name';
}

/** Exit codes of `watch` where it is watched or waited for. */
export async function submitFromTerminal(
  files: readonly string[],
  flags: SubmitFlags,
  looking: Looking,
): Promise<number> {
  const { output, config, signal } = looking;
  // Everything is read before anything is sent: a mistake in the second file must not leave half of them submitted.
  const jobs = [];
  for (const file of files) {
    const text = file === '-' ? await readAll(process.stdin) : await readText(file);
    jobs.push(...readJobs(text, file === '-' ? 'stdin' : file, flags));
  }
  const [first] = jobs;
  if (first === undefined) throw new UserError({ code: 'E_USAGE', message: 'no job is given' });
  await using source = await openCluster(looking.flags, config);
  if (flags.dryRun === 'none' && jobs.length > 1) {
    for (const job of jobs) await submitJob(source, job, { ...flags, dryRun: 'server' }, signal);
  }
  const submitted: Submitted[] = [];
  for (const job of jobs) submitted.push(await submitJob(source, job, flags, signal));
  tell(submitted, flags, looking);
  const [only, second] = submitted;
  const isWatched = flags.watch ?? (output.isTerminal && flags.output === 'text');
  if (only === undefined || flags.dryRun !== 'none' || second !== undefined) return 0;
  if (!isWatched && !flags.wait) return 0;
  const { watchFromTerminal } = await import('./watch-from-terminal.ts');
  const display = flags.wait && !isWatched ? 'quiet' : undefined;
  const from = { ...looking, flags: { ...looking.flags, namespace: only.job.namespace } };
  return watchFromTerminal(only.job.name, { display, exitStatus: true, until: undefined }, from);
}

function tell(submitted: readonly Submitted[], flags: SubmitFlags, { output, config }: Looking) {
  const { command } = config;
  if (flags.output === 'json') {
    const items = submitted.map(({ job, change }) => ({ ...jobSummary(job), change }));
    output.write(jsonOf('SubmittedList', { items }));
    return;
  }
  if (flags.output === 'name') {
    output.write(submitted.map(({ job }) => `${keyOf(job)}\n`).join(''));
    return;
  }
  const layout = { width: output.columns ?? Number.POSITIVE_INFINITY, column: 8, indent: '' };
  for (const { job, change } of submitted) {
    const { worker } = job.spec;
    const workers = `${worker.replicas} ${worker.replicas === 1 ? 'worker' : 'workers'}`;
    const devices = worker.devicesPerWorker === 0 ? 'processor' : `${worker.devicesPerWorker} GPU`;
    const plan = `${modelOf(job)} · ${methodOf(job).summary} · ${workers} × ${devices}`;
    output.write(`${entry('plan', plan, layout).join('\n')}\n`);
    const words = change === 'valid' ? 'valid  ' : change;
    const dry = flags.dryRun === 'none' ? '' : ` (dry run by the ${flags.dryRun})`;
    output.write(
      `${output.paint(words, styleOf('Succeeded'))} ${job.name} in ${job.namespace}${dry}\n`,
    );
    if (flags.dryRun === 'none') {
      const names = ['watch', 'logs -f', 'cancel'].map((verb) => `${command} ${verb} ${job.name}`);
      const line = names.join('   ');
      const lines = line.length + layout.column <= layout.width ? [line] : names;
      output.talk(
        lines.map((text, at) => `${at === 0 ? 'next    ' : '        '}${text}\n`).join(''),
      );
    }
  }
}
