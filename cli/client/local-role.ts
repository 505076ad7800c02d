// One process of the worker on the folder of a run: what it says is passed on as it comes, and how
// it ended is told.
import { execa } from 'execa';
import { type AnnealError, failureOf, TerminalError, UserError } from '../../crds/index.ts';
import { type Telemetry, type TelemetryOf, telemetry } from '../../crds/wire/telemetry.ts';
import { workerNodeArguments } from '../../crds/wire/worker-process.ts';

/** Exit code of a worker that saved and stopped because it was asked to. */
const stoppedCode = 75;

interface RoleProcess {
  /** File to run as the worker. */
  readonly worker: string;
  readonly role: string;
  readonly folder: string;
  /** Added to the environment. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly onMessage: (message: Telemetry) => void;
}

export interface StartedRole {
  readonly ended: Promise<RoleEnd>;
  /** It saves and stops. */
  stop(): void;
  /** SIGKILL. */
  kill(): void;
}

export type RoleEnd =
  | { readonly type: 'Complete' }
  | { readonly type: 'Stopped' }
  /** `how` it ended, for people: by which signal, with which code. */
  | { readonly type: 'Failed'; readonly error: AnnealError; readonly how: string };

export function startRole(asked: RoleProcess): StartedRole {
  const { worker, role, folder, variables = {} } = asked;
  const child = execa(process.execPath, [...workerNodeArguments(role), worker, role, folder], {
    ipc: true,
    buffer: { ipc: false },
    env: { ...variables },
    stdio: ['ignore', 'ignore', 'pipe'],
    reject: false,
  });
  const listen = async (): Promise<RoleEnd> => {
    let failure: TelemetryOf<'failure'> | undefined;
    for await (const raw of child.getEachMessage()) {
      const parsed = telemetry.safeParse(raw);
      if (!parsed.success) continue;
      if (parsed.data.type === 'failure') failure = parsed.data;
      asked.onMessage(parsed.data);
    }
    const { exitCode, signal, stderr } = await child;
    if (exitCode === 0) return { type: 'Complete' };
    if (exitCode === stoppedCode) return { type: 'Stopped' };
    const how = signal === undefined ? `with exit code ${exitCode}` : `by ${signal}`;
    const error =
      failure === undefined ? died(role, how, signal, String(stderr)) : errorOf(failure);
    return { type: 'Failed', error, how };
  };
  return {
    ended: listen(),
    stop() {
      // To one that has ended execa throws at once: within a promise it is the same.
      void (async () => child.sendMessage('stop'))().catch(() => {
        // It has just ended by itself; nothing is left to stop.
      });
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

function errorOf({ code, message, hint }: TelemetryOf<'failure'>): AnnealError {
  const facts = { code, message, hint };
  return failureOf(code).class === 'UserError' ? new UserError(facts) : new TerminalError(facts);
}

/** A process that said nothing before it ended. */
function died(role: string, how: string, signal: string | undefined, stderr: string) {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return new TerminalError({
    code: signal === 'SIGKILL' ? 'E_HOST_OUT_OF_MEMORY' : 'E_CRASHED',
    message: `the process of the stage ${role} was ended ${how}${last === '' ? '' : `: ${last}`}`,
    hint: 'run the same command again: it goes on from the last checkpoint',
  });
}
