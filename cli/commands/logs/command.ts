import { type Command, Option } from 'commander';
import { display, type Perform, type Surroundings, type ViewFlags } from '../../process/context.ts';
import { wholeNumber, withColors, withVerbosity } from '../../process/flags.ts';
import { jobArgument, withOutput, withSource } from '../../process/source-flags.ts';
import type { LogsFlags } from './run.ts';

export function addLogs(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('logs')
    .argument('<name>', jobArgument)
    .summary('the log of the workers of a job')
    .description(
      'Prints the lines of all workers by time. A line that several workers write is printed once.',
    )
    .option('-f, --follow', 'continue with new lines')
    .option('--full', 'on a screen, with search and scrolling')
    .option('--rank <numbers>', 'only these workers, such as 0,2 or 0-3')
    .option('--since <time>', 'only lines of the last 30s, 10m, 2h')
    .option('--tail <n>', 'only the last lines', wholeNumber)
    .option('--grep <pattern>', 'only lines that match')
    .addOption(
      new Option('--level <level>', 'only lines of this level or above')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .option('--previous', 'of the container before the last restart')
    .option('--operator', 'lines of the operator about this job')
    .option('--raw', 'only the text, unchanged');
  withOutput(withColors(withSource(command)), ['text', 'json']);
  withVerbosity(command).action(
    (name: string, flags: ViewFlags & LogsFlags & { readonly full?: boolean }) =>
      perform(() =>
        display(flags, at, async (viewing) => {
          if (flags.full) {
            const { watchLogs } = await import('../watch/run.ts');
            return watchLogs(name, flags, viewing);
          }
          const { logsFromTerminal } = await import('./run.ts');
          return logsFromTerminal(name, flags, viewing);
        }),
      ),
  );
}
