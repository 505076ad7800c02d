import type { Command } from 'commander';
import { display, type Perform, type Surroundings, type ViewFlags } from '../../process/context.ts';
import { withColors, withVerbosity } from '../../process/flags.ts';
import { jobArgument, withOutput, withSource } from '../../process/source-flags.ts';

export function addDescribe(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('describe')
    .argument('<name>', jobArgument)
    .summary('spec, workers, progress and state of a job')
    .description(
      'Shows the spec, workers, progress and state of a job, and the reason for its state.',
    );
  withOutput(withColors(withSource(command)), ['text', 'json']);
  withVerbosity(command).action((name: string, flags: ViewFlags & { readonly output: string }) =>
    perform(() =>
      display(flags, at, async (viewing) => {
        const { describeFromTerminal } = await import('./run.ts');
        return describeFromTerminal(name, flags.output, viewing);
      }),
    ),
  );
}
