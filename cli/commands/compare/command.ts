import { type Command, Option } from 'commander';
import { display, type Perform, type Surroundings, type ViewFlags } from '../../process/context.ts';
import { withColors, withVerbosity } from '../../process/flags.ts';
import { withOutput, withSource } from '../../process/source-flags.ts';
import type { CompareFlags } from './run.ts';

export function addCompare(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('compare')
    .argument('<names...>', 'two to four jobs; the first is the base')
    .summary('jobs beside each other: what differs, what came out')
    .description(
      'Tells what differs in what was asked, draws the curves in one picture, and compares at equal tokens. ' +
        'A difference is only called one when it is larger than the noise.',
    )
    .addOption(
      new Option('--at <what>', 'what is equal where they are compared')
        .choices(['tokens', 'steps', 'time'])
        .default('tokens'),
    )
    .option('--metric <name>', 'the curve that is drawn, such as eval_loss', 'loss')
    .option('--live', 'on a screen, while they go on');
  withOutput(withColors(withSource(command)), ['text', 'json']);
  withVerbosity(command).action((names: readonly string[], flags: ViewFlags & CompareFlags) =>
    perform(() =>
      display(flags, at, async (looking) => {
        const { compareFromTerminal } = await import('./run.ts');
        return compareFromTerminal(names, flags, looking);
      }),
    ),
  );
}
