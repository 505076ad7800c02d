// One worker process on a run folder: passes its messages on, and returns how it ended.
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { execa } from 'execa';
import { type AnnealError, Exit, failureOf, TerminalError, UserError } from '../../crds/index.ts';
import type { ServeOrder } from '../../crds/serve/messages.ts';
import { type Telemetry, type TelemetryOf, telemetry } from '../../crds/wire/telemetry.ts';
import { workerNodeArguments } from '../../crds/wire/worker-process.ts';

interface RoleProcess {
  /** Main file of the worker process. */
  readonly worker: string;
  readonly role: string;
  readonly folder: string;
  /** Further run folders, for a role that works on several. */
  readonly others?: readonly string[];
  /** Added to the environment. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly onMessage: (message: Telemetry) => void;
  /** What is no telemetry. */
  readonly onOther?: (message: unknown) => void;
}

export interface StartedRole {
  readonly ended: Promise<RoleEnd>;
  /** Save and stop. */
  stop(): void;
  /** An order of this role. */
  send(order: ServeOrder): void;
  /** SIGKILL. */
  kill(): void;
}

/** Its end; the signals that come before are passed on. */
export async function endOf(
  { ended, stop: save, kill: end }: StartedRole,
  { stop, kill }: { readonly stop: AbortSignal; readonly kill: AbortSignal },
): Promise<RoleEnd> {
  stop.addEventListener('abort', save, { once: true });
  kill.addEventListener('abort', end, { once: true });
  const how = await ended;
  stop.removeEventListener('abort', save);
  kill.removeEventListener('abort', end);
  return how;
}

export type RoleEnd =
  | { readonly type: 'Complete' }
  | { readonly type: 'Stopped' }
  /** `how` it ended, as text: by which signal, or with which code. */
  | { readonly type: 'Failed'; readonly error: AnnealError; readonly how: string };

export function startRole(asked: RoleProcess): StartedRole {
  const { worker, role, folder, others = [], variables = {} } = asked;
  const words = [...workerNodeArguments(role), worker, role, folder, ...others];
  const child = execa(process.execPath, words, {
    ipc: true,
    buffer: { ipc: false },
    env: { ...compileCache(), ...variables },
    stdio: ['ignore', 'ignore', 'pipe'],
    reject: false,
  });
  const listen = async (): Promise<RoleEnd> => {
    let failure: TelemetryOf<'failure'> | undefined;
    for await (const raw of child.getEachMessage()) {
      const parsed = telemetry.safeParse(raw);
      if (!parsed.success) asked.onOther?.(raw);
      if (!parsed.success) continue;
      if (parsed.data.type === 'failure') failure = parsed.data;
      asked.onMessage(parsed.data);
    }
    const { exitCode, signal, stderr } = await child;
    if (exitCode === 0) return { type: 'Complete' };
    if (exitCode === Exit.PlannedStop) return { type: 'Stopped' };
    const how = signal === undefined ? `with exit code ${exitCode}` : `by ${signal}`;
    const error =
      failure === undefined ? died(role, how, signal, String(stderr)) : errorOf(failure);
    return { type: 'Failed', error, how };
  };
  const send = (order: 'stop' | ServeOrder): void => {
    // execa throws synchronously for a process that has ended; the promise turns that into a
    // rejection.
    void (async () => child.sendMessage(order))().catch(() => {
      // The process has just ended by itself.
    });
  };
  return {
    ended: listen(),
    stop: () => send('stop'),
    send,
    kill: () => void child.kill('SIGKILL'),
  };
}

/** That of this process, if it has one: the worker starts in half of the time. */
function compileCache(): Readonly<Record<string, string>> {
  const folder = getCompileCacheDir();
  // Node.js names a folder of its own version in the one that it is told.
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) };
}

/** What a process, or one of its runs, told of its end. */
export function errorOf({
  code,
  message,
  hint,
}: Pick<TelemetryOf<'failure'>, 'code' | 'message' | 'hint'>): AnnealError {
  const facts = { code, message, hint };
  return failureOf(code).class === 'UserError' ? new UserError(facts) : new TerminalError(facts);
}

/** The error for a process that ended without a failure message. */
function died(role: string, how: string, signal: string | undefined, stderr: string) {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return new TerminalError({
    code: signal === 'SIGKILL' ? 'E_HOST_OUT_OF_MEMORY' : 'E_CRASHED',
    message: `the process of the stage ${role} was ended ${how}${last === '' ? '' : `: ${last}`}`,
    hint: 'run the same command again: it resumes from the last checkpoint',
  });
}
