import { type Command, Option } from 'commander';
import { display, type Perform, type Surroundings, type ViewFlags } from '../../process/context.ts';
import { wholeNumber, withColors, withVerbosity } from '../../process/flags.ts';
import { jobArgument, withOutput, withSource } from '../../process/source-flags.ts';
import type { LogsFlags } from './run.ts';

export function addLogs(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('logs')
    .argument('<name>', jobArgument)
    .summary('what the workers of a job say')
    .description(
      'Prints the lines of all workers in the order of time. A line that several of them say is printed once.',
    )
    .option('-f, --follow', 'go on with new lines')
    .option('--full', 'on a screen, with search and scrolling')
    .option('--rank <numbers>', 'only these workers, such as 0,2 or 0-3')
    .option('--since <time>', 'only lines of the last 30s, 10m, 2h')
    .option('--tail <n>', 'only the last lines', wholeNumber)
    .option('--grep <pattern>', 'only lines that match')
    .addOption(
      new Option('--level <level>', 'only lines as important as that')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .option('--previous', 'of the container before the last restart')
    .option('--operator', 'what the operator says of this job')
    .option('--raw', 'only the words, as they were said');
  withOutput(withColors(withSource(command)), ['text', 'json']);
  withVerbosity(command).action(
    (name: string, flags: ViewFlags & LogsFlags & { readonly full?: boolean }) =>
      perform(() =>
        display(flags, at, async (looking) => {
          if (flags.full) {
            const { watchLogs } = await import('../watch/run.ts');
            return watchLogs(name, flags, looking);
          }
          const { logsFromTerminal } = await import('./run.ts');
          return logsFromTerminal(name, flags, looking);
        }),
      ),
  );
}
