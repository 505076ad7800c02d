/**
 * The checks that are not tests: formatting and lint, types. A gate that fails counts as a failure.
 */
import { join } from 'node:path';
import { execa } from 'execa';
import { nothing, type Tally } from '../report/tally.ts';

interface Gate {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** What a person runs to repair it. */
  readonly repair: string;
}

/**
 * What the type checker found out about each file stays in `memory`: most files are as they were.
 */
function gatesOf(memory: string): readonly Gate[] {
  const lint = ['ci', '--max-diagnostics=40', '--error-on-warnings'];
  const types = ['--noEmit', '--incremental', '--tsBuildInfoFile', join(memory, 'tsc.json')];
  return [
    {
      name: 'lint',
      command: ['node_modules/.bin/biome', ...lint],
      repair: 'npm run format',
    },
    { name: 'types', command: ['node_modules/.bin/tsc', ...types], repair: 'npm run types' },
  ];
}

export async function runGates(
  { cwd, memory }: { readonly cwd: string; readonly memory: string },
  print: (text: string) => void,
  signal: AbortSignal,
): Promise<Tally> {
  const failed = await Promise.all(
    gatesOf(memory).map(async ({ name, command: [file, ...args], repair }) => {
      const ran = await execa(file, args, { cwd, all: true, reject: false, cancelSignal: signal });
      signal.throwIfAborted();
      if (!ran.failed) return 0;
      print(`${ran.all.trim()}\nFAILED: ${name} (${repair})`);
      return 1;
    }),
  );
  return { ...nothing, failed: failed.filter((count) => count > 0).length };
}
