import { type Command, Option } from 'commander';
import { display, type Perform, type Surroundings, type ViewFlags } from '../../process/context.ts';
import { withColors, withVerbosity } from '../../process/flags.ts';
import { withOutput, withSource } from '../../process/source-flags.ts';
import type { CompareFlags } from './run.ts';

export function addCompare(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('compare')
    .argument('<names...>', 'two to four jobs; the first is the base')
    .summary('compare the settings and results of jobs')
    .description(
      'Shows how the specs differ, draws the curves in one plot, and compares at equal tokens. ' +
        'A difference counts only where it exceeds the noise.',
    )
    .addOption(
      new Option('--at <what>', 'quantity that is equal where jobs are compared')
        .choices(['tokens', 'steps', 'time'])
        .default('tokens'),
    )
    .option('--metric <name>', 'curve to draw, such as eval_loss', 'loss')
    .option('--live', 'on a live screen');
  withOutput(withColors(withSource(command)), ['text', 'json']);
  withVerbosity(command).action((names: readonly string[], flags: ViewFlags & CompareFlags) =>
    perform(() =>
      display(flags, at, async (viewing) => {
        const { compareFromTerminal } = await import('./run.ts');
        return compareFromTerminal(names, flags, viewing);
      }),
    ),
  );
}
