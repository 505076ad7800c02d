/**
 * What setup may ask the machine. All its decisions depend on these answers, so tests pass a
 * machine without a compiler, pip or disk space.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdir, statfs } from 'node:fs/promises';
import { availableParallelism, homedir } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
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
  /** A program that runs longer or prints more has failed; it is killed, and not waited for. */
  readonly limit?: { readonly ms: number; readonly bytes: number };
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
  const { cwd, env, input, signal, limit } = options;
  const running = execa(file, args, {
    reject: false,
    ...(limit === undefined ? {} : { maxBuffer: limit.bytes }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    ...(input === undefined ? { stdin: 'ignore' } : { input }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  const result = await (limit === undefined ? running : within(limit.ms, running));
  signal?.throwIfAborted();
  if (result === 'late') {
    const stderr = `no answer within ${(limit?.ms ?? 0) / 1000} s`;
    return { kind: 'ended', ok: false, stdout: '', stderr };
  }
  if (result.failed && result.exitCode === undefined && result.signal === undefined) {
    return { kind: 'missing' };
  }
  return { kind: 'ended', ok: !result.failed, stdout: result.stdout, stderr: result.stderr };
}

type Running<T> = Promise<T> & { readonly nodeChildProcess: ChildProcess };

/** A process that waits for a driver may survive SIGKILL: nothing here waits for its end. */
async function within<T>(ms: number, running: Running<T>): Promise<T | 'late'> {
  const over = new AbortController();
  const { signal } = over;
  const late = wait(ms, 'late' as const, { signal, ref: false });
  const first = await Promise.race([running, late.catch(() => 'late' as const)]);
  over.abort();
  if (first !== 'late') return first;
  const { nodeChildProcess: child } = running;
  child.kill('SIGKILL');
  child.unref();
  for (const stream of [child.stdout, child.stderr]) stream?.destroy();
  return 'late';
}
