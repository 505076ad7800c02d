import type { Command } from 'commander';
import { type LookFlags, look, type Perform, type Surroundings } from '../../process/context.ts';
import { withVerbosity } from '../../process/flags.ts';
import { jobArgument, withOutput, withSource } from '../../process/source-flags.ts';

export function addGet(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('get')
    .argument('<name>', jobArgument)
    .summary('a job as it is, in YAML or JSON')
    .description('Prints the whole object of a job: what was asked and what is.');
  withOutput(withSource(command), ['yaml', 'json']);
  withVerbosity(command).action((name: string, flags: LookFlags & { readonly output: string }) =>
    perform(() =>
      look(flags, at, async (looking) => {
        const { getFromTerminal } = await import('./run.ts');
        return getFromTerminal(name, flags.output, looking);
      }),
    ),
  );
}
