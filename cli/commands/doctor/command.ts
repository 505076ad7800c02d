import type { Command } from 'commander';
import type { Perform, Surroundings } from '../../process/context.ts';
import { type OutputFormat, withJson, withVerbosity } from '../../process/flags.ts';
import { type SourceFlags, withCluster } from '../../process/source-flags.ts';

interface DoctorFlags extends SourceFlags {
  readonly output: OutputFormat;
}

export function addDoctor(
  program: Command,
  { variables, out }: Surroundings,
  perform: Perform,
): void {
  const command = program
    .command('doctor')
    .summary('check this machine and the cluster')
    .description(
      'Checks what jobs need, on this machine and on the cluster where one is known, and shows a fix for each thing that is missing. ' +
        'Changes nothing. Exit code 5 when a required check fails on this machine, or on a cluster that the command names.',
    );
  command.option('-n, --namespace <name>', 'namespace of the cluster');
  withCluster(command);
  withVerbosity(withJson(command)).action(({ output, ...asked }: DoctorFlags) =>
    perform(async () => {
      const { doctorFromTerminal } = await import('./run.ts');
      const { cliConfig } = await import('../../process/config.ts');
      return doctorFromTerminal({ output, asked }, cliConfig(variables), out);
    }),
  );
}
