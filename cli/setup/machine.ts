/**
 * What setup may ask the machine. All its decisions depend on these answers, so tests pass a
 * machine without a compiler, pip or disk space.
 */
import { mkdir, statfs } from 'node:fs/promises';
import { availableParallelism, homedir } from 'node:os';
import { execa } from 'execa';

export interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly cores: number;
  /** Bytes that this user can still write in a folder. */
  freeBytes(folder: string): Promise<number>;
  /** Runs a program to its end. Never throws: a missing program is a result. */
  run(file: string, args: readonly string[], options?: RunOptions): Promise<Ran>;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly signal?: AbortSignal;
}

export type Ran =
  | { readonly kind: 'missing' }
  | {
      readonly kind: 'ended';
      readonly ok: boolean;
      readonly stdout: string;
      readonly stderr: string;
    };

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    arch: process.arch,
    env: process.env,
    home: homedir(),
    cores: availableParallelism(),
    freeBytes,
    run,
  };
}

async function freeBytes(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { cwd, env, input, signal } = options;
  const result = await execa(file, args, {
    reject: false,
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  signal?.throwIfAborted();
  if (result.failed && result.exitCode === undefined && result.signal === undefined) {
    return { kind: 'missing' };
  }
  return { kind: 'ended', ok: !result.failed, stdout: result.stdout, stderr: result.stderr };
}
