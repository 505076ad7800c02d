import type { Command } from 'commander';
import type { AskedDevice } from '../../devices/choose-devices.ts';
import type { Perform, Surroundings } from '../../process/context.ts';
import { askedDevice, volume, wholeNumber, withJson, withVerbosity } from '../../process/flags.ts';

export interface TransferFlags {
  readonly kit?: string;
  readonly threads?: number;
  readonly device?: AskedDevice;
  readonly volume?: Readonly<Record<string, string>>;
  readonly fresh?: boolean;
  readonly output: 'text' | 'json';
}

export function addTransfer(program: Command, { variables }: Surroundings, perform: Perform): void {
  const command = program
    .command('transfer')
    .argument('<file>', 'file of a transfer; with --kit, of the job that trained the adapter')
    .summary('move an adapter to another base without its data')
    .description(
      'Trains an adapter of one base again on another one, from prompts that are made for it and the answers of the old ' +
        'adapter. --kit keeps what that needs of the records, while they are there. The same command goes on after a stop or a kill.',
    )
    .option('--kit <folder>', 'only make the kit of the job’s adapter, in this folder')
    .option('--threads <n>', 'processor threads of each process', wholeNumber)
    .option('--device <name>', 'auto, cpu, or cuda:0 and further', askedDevice)
    .option('--volume <name=folder>', 'folder to use for a claim (repeatable)', volume)
    .option('--fresh', 'start anew even if an earlier one could go on');
  withVerbosity(withJson(command)).action((file: string, flags: TransferFlags) =>
    perform(async () => {
      const { transferFromTerminal } = await import('./run.ts');
      const { cliConfig } = await import('../../process/config.ts');
      return transferFromTerminal(file, flags, cliConfig(variables));
    }),
  );
}
