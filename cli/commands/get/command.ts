import type { Command } from 'commander';
import { display, type Perform, type Surroundings, type ViewFlags } from '../../process/context.ts';
import { withVerbosity } from '../../process/flags.ts';
import { jobArgument, withOutput, withSource } from '../../process/source-flags.ts';

export function addGet(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('get')
    .argument('<name>', jobArgument)
    .summary('the object of a job, in YAML or JSON')
    .description('Prints the whole object of a job: spec and status.');
  withOutput(withSource(command), ['yaml', 'json']);
  withVerbosity(command).action((name: string, flags: ViewFlags & { readonly output: string }) =>
    perform(() =>
      display(flags, at, async (viewing) => {
        const { getFromTerminal } = await import('./run.ts');
        return getFromTerminal(name, flags.output, viewing);
      }),
    ),
  );
}
