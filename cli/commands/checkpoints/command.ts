import type { Command } from 'commander';
import { display, type Perform, type Surroundings, type ViewFlags } from '../../process/context.ts';
import { withColors, withVerbosity } from '../../process/flags.ts';
import { jobArgument, withOutput, withSource } from '../../process/source-flags.ts';

export function addCheckpoints(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('checkpoints')
    .argument('<name>', jobArgument)
    .summary('checkpoints that a job can resume from')
    .description('Lists the checkpoints of a job: the newest, the best, where they are.');
  withOutput(withColors(withSource(command)), ['table', 'json']);
  withVerbosity(command).action((name: string, flags: ViewFlags & { readonly output: string }) =>
    perform(() =>
      display(flags, at, async (viewing) => {
        const { checkpointsFromTerminal } = await import('./run.ts');
        return checkpointsFromTerminal(name, flags.output, viewing);
      }),
    ),
  );
}
