import type { Command } from 'commander';
import type { AskedDevice } from '../../devices/choose-devices.ts';
import type { Perform, Surroundings } from '../../process/context.ts';
import { askedDevice, volume, wholeNumber, withJson, withVerbosity } from '../../process/flags.ts';

export interface GenerateFlags {
  readonly threads?: number;
  readonly device?: AskedDevice;
  readonly volume?: Readonly<Record<string, string>>;
  readonly fresh?: boolean;
  readonly output: 'text' | 'json';
}

export function addGenerate(program: Command, { variables }: Surroundings, perform: Perform): void {
  const command = program
    .command('generate')
    .argument('<file>', 'file of an adapter generator')
    .summary('make adapters with a network that learned from others')
    .description(
      'Trains a network on the adapters of sibling jobs, and makes an adapter for each condition that the file asks for. ' +
        'The same command goes on after a stop or a kill.',
    )
    .option('--threads <n>', 'processor threads of each process', wholeNumber)
    .option('--device <name>', 'auto, cpu, or cuda:0 and further', askedDevice)
    .option('--volume <name=folder>', 'folder to use for a claim (repeatable)', volume)
    .option('--fresh', 'start anew even if an earlier one could go on');
  withVerbosity(withJson(command)).action((file: string, flags: GenerateFlags) =>
    perform(async () => {
      const { generateFromTerminal } = await import('./run.ts');
      const { cliConfig } = await import('../../process/config.ts');
      return generateFromTerminal(file, flags, cliConfig(variables));
    }),
  );
}
