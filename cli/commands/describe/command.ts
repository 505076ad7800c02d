import type { Command } from 'commander';
import { type LookFlags, look, type Perform, type Surroundings } from '../../process/context.ts';
import { withLook, withVerbosity } from '../../process/flags.ts';
import { jobArgument, withOutput, withSource } from '../../process/source-flags.ts';

export function addDescribe(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('describe')
    .argument('<name>', jobArgument)
    .summary('what a job is, where it runs, how it stands, why')
    .description('Tells what a job is, where it runs, how it stands and why.');
  withOutput(withLook(withSource(command)), ['text', 'json']);
  withVerbosity(command).action((name: string, flags: LookFlags & { readonly output: string }) =>
    perform(() =>
      look(flags, at, async (looking) => {
        const { describeFromTerminal } = await import('./run.ts');
        return describeFromTerminal(name, flags.output, looking);
      }),
    ),
  );
}
