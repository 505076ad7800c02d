/** The checks that are not tests: formatting and lint, types. A gate that fails counts as a failure. */
import { execa } from 'execa';
import { nothing, type Tally } from '../report/tally.ts';

interface Gate {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** What a person runs to repair it. */
  readonly repair: string;
}

const gates: readonly Gate[] = [
  {
    name: 'lint',
    command: ['node_modules/.bin/biome', 'ci', '--max-diagnostics=40', '--error-on-warnings'],
    repair: 'npm run format',
  },
  { name: 'types', command: ['node_modules/.bin/tsc', '--noEmit'], repair: 'npm run types' },
];

export async function runGates(
  cwd: string,
  print: (text: string) => void,
  signal: AbortSignal,
): Promise<Tally> {
  const failed = await Promise.all(
    gates.map(async ({ name, command: [file, ...args], repair }) => {
      const ran = await execa(file, args, { cwd, all: true, reject: false, cancelSignal: signal });
      signal.throwIfAborted();
      if (!ran.failed) return 0;
      print(`${ran.all.trim()}\nFAILED: ${name} (${repair})`);
      return 1;
    }),
  );
  return { ...nothing, failed: failed.filter((count) => count > 0).length };
}
