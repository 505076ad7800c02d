// A program of the name `nvidia-smi` for tests: a script in a folder of its own, which goes first
// on the PATH, and prints what the test says.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { cardQuery } from '../../crds/devices/nvidia-smi.ts';

export interface CardLine {
  readonly index?: number;
  readonly uuid?: string;
  readonly memory?: string;
  readonly driver?: string;
  readonly capability?: string;
  readonly mig?: string;
  readonly name?: string;
}

/** One GPU as nvidia-smi lists it. */
export function cardLine(card: CardLine = {}): string {
  const { index = 0, memory = '81559 MiB', driver = '580.65.06', capability = '9.0' } = card;
  const { uuid = uuidOf(index), mig = 'Disabled', name = 'NVIDIA H100 80GB HBM3' } = card;
  return [index, uuid, memory, driver, capability, mig, name].join(', ');
}

export function uuidOf(index: number): string {
  return `GPU-0000000${index}-aaaa-bbbb-cccc-dddddddddddd`;
}

/** Writes the program; the answer is a PATH on which it is the first of its name. */
export async function nvidiaSmi(folder: string, lines: readonly string[]): Promise<string> {
  return writeProgram(folder, `cat <<'END'\n${lines.join('\n')}\nEND\n`, true);
}

/** One that runs shell lines instead. */
export async function writeProgram(
  folder: string,
  script: string,
  checksQuery = false,
): Promise<string> {
  const bin = join(folder, 'nvidia-bin');
  await mkdir(bin, { recursive: true });
  const check = checksQuery ? `[ "$*" = '${cardQuery.join(' ')}' ] || exit 2\n` : '';
  await writeFile(join(bin, 'nvidia-smi'), `#!/bin/sh\n${check}${script}`);
  await chmod(join(bin, 'nvidia-smi'), 0o755);
  return [bin, process.env['PATH']].join(delimiter);
}
