// Scripts beside this file, whose output is told only where they fail.
import { join } from 'node:path';
import { execa } from 'execa';
import { TerminalError } from '../../../crds/failures/errors.ts';

export async function runScript(
  script: string,
  args: readonly string[],
  signal: AbortSignal,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const ran = await execa(join(import.meta.dirname, script), args, {
    ...{ env, all: true, reject: false, cancelSignal: signal },
  });
  signal.throwIfAborted();
  if (!ran.failed) return;
  throw new TerminalError({
    code: 'E_SETUP',
    message: `${script} ended with ${ran.exitCode}:\n${ran.all.split('\n').slice(-10).join('\n')}`,
    hint: 'run it by hand for the whole output',
  });
}
