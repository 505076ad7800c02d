// The real `anneal run` as a tree of real processes that a test can kill. What it says is read from
// its stdout as it comes.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { childrenOf } from '../doubles/child-processes.ts';

const command = join(import.meta.dirname, '../../cli/anneal.mjs');

/** What `--display json` prints: a line before, the worker's messages, a line after. */
export type RunLine =
  | Telemetry
  | { readonly type: 'begin'; readonly folder: string; readonly continued: boolean }
  | { readonly type: 'outcome'; readonly state: string; readonly code?: string };

export type Victim = 'tree' | 'command' | 'worker';

export interface Anneal {
  /** Exit code, or null when it was killed; what it printed on stderr. */
  readonly ended: Promise<{ readonly code: number | null; readonly stderr: string }>;
  /**
   * SIGKILL: to the command and all that it started, to it alone, or to the worker that runs now.
   */
  kill(victim: Victim): void;
  /** SIGTERM to the command. */
  stop(): void;
  /** Process number of the worker that runs now. */
  worker(): number | undefined;
  /** Process numbers of all of them, in the order in which they were started. */
  workers(): readonly number[];
}

/** Starts `anneal run FILE`; each line goes to `onLine`. */
export function startAnneal(
  file: string,
  cache: string,
  onLine: (line: RunLine) => void,
  flags: readonly string[] = [],
  variables: Readonly<Record<string, string>> = {},
): Anneal {
  const words = ['run', file, '--display', 'json', '--threads', '1', ...flags];
  return startCommand(words, cache, onLine, variables);
}

/**
 * Runs a command that prints JSON lines to its end; where `kill` names a victim for a line, that is
 * killed at once.
 */
export async function runCommand<Line>(
  words: readonly string[],
  cache: string,
  variables: Readonly<Record<string, string>>,
  kill: (line: Line) => Victim | null,
) {
  const lines: Line[] = [];
  const see = (line: Line): void => {
    lines.push(line);
    const victim = kill(line);
    if (victim !== null) anneal.kill(victim);
  };
  const anneal = startCommand(words, cache, see, variables);
  return { lines, ...(await anneal.ended) };
}

/** Starts a command that prints JSON lines. */
export function startCommand<Line>(
  words: readonly string[],
  cache: string,
  onLine: (line: Line) => void,
  variables: Readonly<Record<string, string>> = {},
): Anneal {
  // A group of its own, so that one signal reaches the whole tree.
  const child = spawn(process.execPath, [command, ...words], {
    env: { ...process.env, ...variables, ANNEAL_CACHE: cache },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('anneal did not start');
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    // A kill may cut the last line off.
    if (line.endsWith('}')) onLine(JSON.parse(line) as Line);
  });
  const ended = new Promise<{ code: number | null; stderr: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, stderr }));
  });
  return {
    ended,
    kill(victim) {
      if (victim === 'tree') send(-pid, 'SIGKILL');
      if (victim === 'command') send(pid, 'SIGKILL');
      if (victim === 'worker') for (const worker of childrenOf(pid)) send(worker, 'SIGKILL');
    },
    stop: () => send(pid, 'SIGTERM'),
    worker: () => childrenOf(pid)[0],
    workers: () => [...childrenOf(pid)].sort((a, b) => a - b),
  };
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
