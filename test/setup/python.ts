/**
 * A Python for the judges of our tests: found on the machine, given a virtual environment in the
 * cache. The product never comes here.
 */
import { join } from 'node:path';
import { pipTrouble } from '../../cli/setup/pip.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { TerminalError } from '../../crds/errors.ts';

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

/** The interpreter of a venv. Scripts beside it name the folder that the venv was made in: not used. */
export function pythonOf(venv: string): string {
  return join(venv, 'bin/python');
}

export async function pipInstall(
  setup: Setup,
  venv: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const quiet = ['--quiet', '--disable-pip-version-check', '--no-warn-script-location'];
  await mustRun(setup, pythonOf(venv), ['-m', 'pip', 'install', ...quiet, ...args], env);
}

export async function mustRun(
  { machine, signal }: Setup,
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const ran = await machine.run(file, args, { signal, env });
  if (ran.kind === 'ended' && ran.ok) return ran.stdout;
  throw new TerminalError({
    code: 'E_SETUP',
    message: `${file} ${args.slice(0, 3).join(' ')} … did not succeed: ${pipTrouble(ran)}`,
    hint: 'check the connection and pip’s index, then run the tests again',
  });
}
