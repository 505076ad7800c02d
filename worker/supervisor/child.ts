// A process that does one role of the worker, as pid 1's child: started through execa, heard over
// IPC, asked to save or to stop by a word, ended by SIGKILL. What it writes on stdout and stderr is
// passed on line by line.

import { createInterface } from 'node:readline';
import { execa } from 'execa';
import type { StageRole } from '../../crds/stages/stage.ts';
import { type Telemetry, type TelemetryOf, telemetry } from '../../crds/wire/telemetry.ts';
import type { TrainerOrder } from '../../crds/wire/trainer-order.ts';
import { workerNodeArguments } from '../../crds/wire/worker-process.ts';
import type { ControlGroup } from './control-group.ts';
import type { ChildEnd } from './end-of-child.ts';

interface ChildPlan {
  /** File to run as the worker. */
  readonly worker: string;
  readonly role: StageRole;
  readonly folder: string;
  readonly group: ControlGroup;
  /** Added to the environment. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly onMessage: (message: Telemetry) => void;
  readonly onLine: (line: string) => void;
}

export interface Child {
  readonly ended: Promise<ChildEnd>;
  say(what: TrainerOrder): void;
  kill(): void;
}

const keptLines = 20;
const keptCharacters = 2000;

export function startChild(plan: ChildPlan): Child {
  const killsBefore = plan.group.memoryKills();
  const started = [...workerNodeArguments(plan.role), plan.worker, plan.role, plan.folder];
  const child = execa(process.execPath, started, {
    ipc: true,
    env: { ...plan.variables },
    buffer: false,
    stdio: ['ignore', 'pipe', 'pipe'],
    reject: false,
    // The supervisor outlives no child: when it is gone, so is the container.
    cleanup: true,
  });
  const last: string[] = [];
  const lines = [child.stdout, child.stderr].map((stream) => createInterface({ input: stream }));
  for (const each of lines) {
    each.on('line', (line) => {
      plan.onLine(line);
      last.push(line.slice(0, keptCharacters));
      if (last.length > keptLines) last.shift();
    });
  }
  let failure: TelemetryOf<'failure'> | undefined;
  const hear = async (): Promise<void> => {
    for await (const raw of child.getEachMessage()) {
      const parsed = telemetry.safeParse(raw);
      if (!parsed.success) continue;
      if (parsed.data.type === 'failure') failure = parsed.data;
      plan.onMessage(parsed.data);
    }
  };
  const finish = async (): Promise<ChildEnd> => {
    await hear();
    const { exitCode, signal } = await child;
    const outOfMemory = plan.group.memoryKills() > killsBefore;
    return { exitCode, signal, failure, stderrTail: last.join('\n'), outOfMemory };
  };
  return {
    ended: finish(),
    say(what) {
      // To one that has ended execa throws at once: within a promise it is the same.
      void (async () => child.sendMessage(what))().catch(() => {
        // It has just ended by itself; its end is heard.
      });
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

/** The file of the worker beside this one, in sources as in a release. */
export function workerFile(): string {
  const ending = import.meta.filename.slice(import.meta.filename.lastIndexOf('.'));
  return import.meta.filename.replace(/supervisor[\\/][^\\/]+$/, `main${ending}`);
}
