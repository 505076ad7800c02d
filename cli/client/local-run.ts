// A job on this machine, without a cluster: the stages prepare, train and publish, each a worker
// process on the run's folder, one after the other. What they say is passed on as it comes.
//
// The first wish to stop lets the trainer save and end; the second kills it. Either way the folder is
// in order: the next `anneal run` of the same job goes on from the last checkpoint.
import { execa } from 'execa';
import { type AnnealError, failureOf, TerminalError, UserError } from '../../crds/index.ts';
import { type Telemetry, telemetry } from '../../crds/wire/telemetry.ts';

const stages = ['prepare', 'train', 'publish'] as const;
type Stage = (typeof stages)[number];

/** Type stripping tells on stderr that it is experimental; stderr is for what went wrong. */
const quiet = '--disable-warning=ExperimentalWarning';

export interface LocalRun {
  readonly folder: string;
  /** File to run as the worker. */
  readonly worker: string;
  readonly onMessage: (message: Telemetry) => void;
  /** Aborted once: save and stop. */
  readonly stop: AbortSignal;
  /** Aborted: end at once. */
  readonly kill: AbortSignal;
}

export type LocalOutcome =
  | { readonly type: 'Complete' }
  | { readonly type: 'Stopped' }
  | { readonly type: 'Failed'; readonly error: AnnealError };

export async function runStages(run: LocalRun, from: Stage): Promise<LocalOutcome> {
  for (const stage of stages.slice(stages.indexOf(from))) {
    if (run.stop.aborted) return { type: 'Stopped' };
    const outcome = await runRole(run, stage);
    if (outcome.type !== 'Complete') return outcome;
  }
  return { type: 'Complete' };
}

/** One process of the worker to its end. */
export async function runRole(run: LocalRun, role: string): Promise<LocalOutcome> {
  let failure: Extract<Telemetry, { type: 'failure' }> | undefined;
  const child = execa(process.execPath, [quiet, run.worker, role, run.folder], {
    ipc: true,
    buffer: { ipc: false },
    stdio: ['ignore', 'ignore', 'pipe'],
    reject: false,
    cancelSignal: run.kill,
    killSignal: 'SIGKILL',
  });
  const onStop = (): void => {
    void child.sendMessage('stop').catch(() => {
      // The stage has just ended by itself; nothing is left to stop.
    });
  };
  run.stop.addEventListener('abort', onStop, { once: true });
  for await (const raw of child.getEachMessage()) {
    const parsed = telemetry.safeParse(raw);
    if (!parsed.success) continue;
    if (parsed.data.type === 'failure') failure = parsed.data;
    run.onMessage(parsed.data);
  }
  const ended = await child;
  run.stop.removeEventListener('abort', onStop);
  if (ended.exitCode === 0) return { type: 'Complete' };
  if (ended.exitCode === 75 || run.kill.aborted) return { type: 'Stopped' };
  if (failure !== undefined) return { type: 'Failed', error: errorOf(failure) };
  return { type: 'Failed', error: died(role, ended.exitCode, ended.signal, String(ended.stderr)) };
}

function errorOf({ code, message, hint }: Extract<Telemetry, { type: 'failure' }>): AnnealError {
  const facts = { code, message, hint };
  return failureOf(code).class === 'UserError' ? new UserError(facts) : new TerminalError(facts);
}

/** A process that said nothing before it ended. */
function died(
  role: string,
  code: number | undefined,
  signal: string | undefined,
  stderr: string,
): TerminalError {
  const how = signal === undefined ? `with exit code ${code}` : `by ${signal}`;
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return new TerminalError({
    code: signal === 'SIGKILL' ? 'E_HOST_OUT_OF_MEMORY' : 'E_CRASHED',
    message: `the process of the stage ${role} was ended ${how}${last === '' ? '' : `: ${last}`}`,
    hint: 'run the same command again: it goes on from the last checkpoint',
  });
}
