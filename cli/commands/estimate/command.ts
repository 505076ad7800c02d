import type { Command } from 'commander';
import type { Perform, Surroundings } from '../../process/context.ts';
import {
  assignments,
  byteQuantity,
  volume,
  wholeNumber,
  withJson,
  withVerbosity,
} from '../../process/flags.ts';
import type { EstimateFlags } from './run.ts';

export function addEstimate(program: Command, surroundings: Surroundings, perform: Perform): void {
  const command = program
    .command('estimate')
    .argument('<file...>', 'job files; several are estimated as jobs that train together')
    .summary('memory and time of a job, before it runs')
    .description(
      'Predicts the memory and the time of a job from the sizes of the model: no weights are read. ' +
        'Exit code 12 when the job does not fit.',
    )
    .option('--gpu-memory <amount>', 'memory of one GPU, such as 24Gi', byteQuantity)
    .option('--workers <n>', 'processes that train together, as anneal run --workers', wholeNumber)
    .option(
      '--what-if <path=value>',
      'add a row with this change, or with several: a=1,b=2 (repeatable)',
      assignments,
    )
    .option('--volume <name=folder>', 'folder to use for a claim (repeatable)', volume);
  withVerbosity(withJson(command)).action((files: readonly string[], flags: EstimateFlags) =>
    perform(async () => {
      const { estimateFromTerminal } = await import('./run.ts');
      const { cliConfig } = await import('../../process/config.ts');
      return estimateFromTerminal(files, flags, cliConfig(surroundings.variables), surroundings);
    }),
  );
}
