import type { Command } from 'commander';
import { display, type Perform, type Surroundings, type ViewFlags } from '../../process/context.ts';
import { withColors, withVerbosity } from '../../process/flags.ts';
import { jobArgument, withOutput, withSource } from '../../process/source-flags.ts';

export function addWhy(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('why')
    .argument('<name>', jobArgument)
    .summary('why a job is in its state, and what to do')
    .description(
      'Shows the first cause of a problem, what happens automatically, and what you can change. ' +
        'For a healthy job: what it waits for. Where no job has the name, of a federation, ' +
        'a pool or a server of adapters, which adapterserver/NAME means in any case.',
    );
  withOutput(withColors(withSource(command)), ['text', 'json']);
  withVerbosity(command).action((name: string, flags: ViewFlags & { readonly output: string }) =>
    perform(() =>
      display(flags, at, async (viewing) => {
        const { whyFromTerminal } = await import('./run.ts');
        return whyFromTerminal(name, flags.output, viewing);
      }),
    ),
  );
}
