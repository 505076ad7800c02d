/**
 * A Python for the judges of our tests: found on the machine, given a virtual environment in the
 * cache. The product never comes here.
 */
import { join } from 'node:path';
import { pipError } from '../../cli/setup/pip.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { TerminalError } from '../../crds/failures/errors.ts';

export interface Python {
  readonly file: string;
  /** As in a wheel's name: cp311. */
  readonly tag: string;
}

const spellings = ['python3.11', 'python3', 'python3.12', 'python3.13', 'python'];
const question = 'import sys, venv, ensurepip; print("cp%d%d" % sys.version_info[:2])';
const oldest = 311;

export async function findPython({ machine }: Setup): Promise<Python> {
  for (const file of spellings) {
    const ran = await machine.run(file, ['-c', question]);
    if (ran.kind === 'missing' || !ran.ok) continue;
    const tag = ran.stdout.trim();
    if (Number(tag.slice(2)) >= oldest) return { file, tag };
  }
  throw new TerminalError({
    code: 'E_SETUP',
    message: 'no Python 3.11 or newer with venv is on the PATH; tests compare with Python peers',
    hint: 'apt install python3 python3-venv, or dnf install python3',
  });
}

export async function makeVenv(setup: Setup, python: Python, folder: string): Promise<void> {
  await mustRun(setup, python.file, ['-m', 'venv', folder]);
}

/**
 * The interpreter of a venv. Scripts beside it name the folder that the venv was made in: not used.
 */
export function pythonOf(venv: string): string {
  return join(venv, 'bin/python');
}

/** Where its packages lie. */
export function sitePackages(venv: string, { tag }: Python): string {
  return join(venv, 'lib', `python3.${tag.slice(3)}`, 'site-packages');
}

export async function pipInstall(
  setup: Setup,
  venv: string,
  args: readonly string[],
): Promise<void> {
  const quiet = ['--quiet', '--disable-pip-version-check', '--no-warn-script-location'];
  await mustRun(setup, pythonOf(venv), ['-m', 'pip', 'install', '--no-input', ...quiet, ...args]);
}

export interface RunLimits {
  readonly env?: Readonly<Record<string, string>>;
  /** What runs so long will not end: pip at an index that accepts and never answers. */
  readonly limitMs?: number;
}

/** What the program printed; the first line of its error when it did not succeed. */
export async function mustRun(
  { machine, signal }: Setup,
  file: string,
  args: readonly string[],
  { env = {}, limitMs = 20 * 60_000 }: RunLimits = {},
): Promise<string> {
  const tooLong = AbortSignal.timeout(limitMs);
  const either = AbortSignal.any([signal, tooLong]);
  const ran = await machine.run(file, args, { signal: either, env }).catch((error: unknown) => {
    if (signal.aborted || !tooLong.aborted) throw error;
    return undefined;
  });
  if (ran?.kind === 'ended' && ran.ok) return ran.stdout;
  const how = ran
    ? `did not succeed: ${pipError(ran)}`
    : `did not end in ${Math.round(limitMs / 60_000)} minutes`;
  throw new TerminalError({
    code: 'E_SETUP',
    message: `${[file, ...args.slice(0, 3)].join(' ')} … ${how}`,
    hint: 'check the connection and pip’s index, then run the tests again',
  });
}
