import type { Command } from 'commander';
import type { AskedDevice } from '../../devices/choose-devices.ts';
import type { Perform, Surroundings } from '../../process/context.ts';
import { askedDevice, volume, wholeNumber, withJson, withVerbosity } from '../../process/flags.ts';

export interface FederateFlags {
  readonly threads?: number;
  readonly device?: AskedDevice;
  readonly volume?: Readonly<Record<string, string>>;
  readonly fresh?: boolean;
  readonly bus?: string;
  readonly key?: string;
  readonly authority?: string;
  readonly makeKeys?: string;
  readonly output: 'text' | 'json';
}

export function addFederate(program: Command, { variables }: Surroundings, perform: Perform): void {
  const command = program
    .command('federate')
    .argument('<file>', 'file of a federation, or of a client of one')
    .summary('train with several clients, each on its own data')
    .description(
      'Trains the rounds of a federation: each client is a process that reads its own records, and the coordinator sees what they trained. ' +
        'All are on this machine; with --bus, this one is the hub (a Federation) or a client (a FederationPeer), and the others are elsewhere. ' +
        'The same command goes on after a stop or a kill.',
    )
    .option('--threads <n>', 'processor threads of each process', wholeNumber)
    .option('--device <name>', 'auto, cpu, or cuda:0 and further', askedDevice)
    .option('--volume <name=folder>', 'folder to use for a claim (repeatable)', volume)
    .option('--fresh', 'start anew even if an earlier one could go on')
    .option('--bus <url>', 'NATS server that leads to the others, such as tls://host:4222')
    .option('--key <file>', 'key of the hub or of the client, for the bus')
    .option('--authority <file>', 'certificates that the bus is trusted by, in PEM')
    .option('--make-keys <folder>', 'write keys and accounts for a bus, and end');
  withVerbosity(withJson(command)).action((file: string, flags: FederateFlags) =>
    perform(async () => {
      const { federateFromTerminal } = await import('./run.ts');
      const { cliConfig } = await import('../../process/config.ts');
      return federateFromTerminal(file, flags, cliConfig(variables));
    }),
  );
}
