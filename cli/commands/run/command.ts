import type { Command } from 'commander';
import type { AskedDevice } from '../../devices/choose-devices.ts';
import type { Perform, Surroundings } from '../../process/context.ts';
import {
  askedDevice,
  type DisplayFlags,
  volume,
  wholeNumber,
  withDisplay,
  withVerbosity,
} from '../../process/flags.ts';

interface RunFlags extends DisplayFlags {
  readonly threads?: number;
  readonly workers?: number;
  readonly device?: AskedDevice;
  readonly steps?: number;
  readonly volume?: Readonly<Record<string, string>>;
  readonly fresh?: boolean;
}

export function addRun(program: Command, { variables }: Surroundings, perform: Perform): void {
  const command = program
    .command('run')
    .argument('<file...>', 'job files; several train together, on one base in one process')
    .summary('train on this machine')
    .description(
      'Trains a job on this machine, without a cluster. The first Ctrl-C saves and stops, the second ends at once; ' +
        'the same command resumes from the last checkpoint.',
    )
    .option(
      '--workers <n>',
      'processes that train together, each with a share of the model; without it one, or one for each device of the file',
      wholeNumber,
    )
    .option('--threads <n>', 'processor threads of each worker', wholeNumber)
    .option(
      '--device <name>',
      'auto, cpu, or cuda:0 and further; auto is what worker.devicesPerWorker asks for, where the machine has it',
      askedDevice,
    )
    .option('--steps <n>', 'number of steps, instead of the one in the file', wholeNumber)
    .option('--volume <name=folder>', 'folder to use for a claim (repeatable)', volume)
    .option('--fresh', 'start a new run even if an earlier one could be resumed');
  withVerbosity(withDisplay(command)).action((files: readonly string[], flags: RunFlags) =>
    perform(async () => {
      const { runFromTerminal } = await import('./run.ts');
      const { cliConfig } = await import('../../process/config.ts');
      const { threads, workers, device, steps, fresh = false, ...others } = flags;
      const { volume: volumes = {}, ...display } = others;
      const options = { files, threads, workers, device, volumes, steps, fresh };
      return runFromTerminal(options, display, cliConfig(variables));
    }),
  );
}
