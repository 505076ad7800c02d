// A machine for set-up to look at: programs are functions, disks are as full as the test says.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { openCache } from '../../cli/setup/cache.ts';
import type { Machine, Ran, RunOptions } from '../../cli/setup/machine.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { createSteps } from '../../cli/setup/steps.ts';

export type Program = (args: readonly string[], options: RunOptions) => Ran | Promise<Ran>;

export interface MachineDouble {
  readonly platform?: string;
  readonly arch?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly free?: number;
  readonly programs?: Readonly<Record<string, Program>>;
}

export interface SetupDouble {
  readonly setup: Setup;
  readonly folder: string;
  /** Every command line that was run. */
  readonly ran: string[];
  readonly printed: () => string;
}

export function aMachine(double: MachineDouble, ran: string[] = []): Machine {
  const { platform = 'linux', arch = 'x64', env = {}, free = 1e12, programs = {} } = double;
  return {
    ...{ platform, arch, env, home: 'home', cores: 2 },
    freeBytes: async () => free,
    async run(file, args, options = {}) {
      ran.push([file, ...args].join(' '));
      return (await programs[file]?.(args, options)) ?? { kind: 'missing' };
    },
  };
}

/** A set-up with a cache of its own that is removed after the test. */
export async function aSetup(
  t: ExecutionContext,
  double: MachineDouble = {},
): Promise<SetupDouble> {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-setup-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const ran: string[] = [];
  const lines: string[] = [];
  const setup: Setup = {
    machine: aMachine(double, ran),
    cache: openCache({ ANNEAL_CACHE: join(folder, 'cache') }, folder),
    steps: createSteps({ write: (text) => lines.push(text) }, () => 0),
    signal: new AbortController().signal,
  };
  return { setup, folder, ran, printed: () => lines.join('') };
}

export function says(stdout: string): Ran {
  return { kind: 'ended', ok: true, stdout, stderr: '' };
}

export function breaks(stderr: string): Ran {
  return { kind: 'ended', ok: false, stdout: '', stderr };
}
