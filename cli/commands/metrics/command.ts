import { type Command, InvalidArgumentError, Option } from 'commander';
import { display, type Perform, type Surroundings, type ViewFlags } from '../../process/context.ts';
import { wholeNumber, withColors, withVerbosity } from '../../process/flags.ts';
import { jobArgument, withSource } from '../../process/source-flags.ts';
import type { MetricsFlags } from './run.ts';

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value < 1) return value;
  throw new InvalidArgumentError('it must be 0 or more and less than 1');
}

export function addMetrics(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('metrics')
    .argument('<name>', jobArgument)
    .argument('[metrics...]', 'loss, eval_loss, lr, grad_norm, tokens_per_second, …')
    .summary('numbers of a job as plots, CSV or JSON')
    .description('Plots numbers of a job on a terminal; in a pipe, prints them as rows.')
    .addOption(
      new Option('--x <axis>', 'horizontal axis')
        .choices(['step', 'tokens', 'time'])
        .default('step'),
    )
    .option('--ema <share>', 'exponential mean; 0.98 keeps about 50 steps', share, 0)
    .option('--log', 'logarithmic scale')
    .option('--last <n>', 'only the last values', wholeNumber)
    .option('--width <columns>', 'width of the plots', wholeNumber)
    .addOption(
      new Option('-o, --output <format>', 'plot or rows').choices(['plot', 'csv', 'json']),
    );
  withColors(withSource(command));
  withVerbosity(command).action(
    (name: string, metrics: readonly string[], flags: ViewFlags & MetricsFlags) =>
      perform(() =>
        display(flags, at, async (viewing) => {
          const { metricsFromTerminal } = await import('./run.ts');
          return metricsFromTerminal(name, metrics, flags, viewing);
        }),
      ),
  );
}
