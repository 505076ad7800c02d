import type { Command } from 'commander';
import type { Perform, Surroundings } from '../../process/context.ts';
import { type OutputFormat, withJson, withVerbosity } from '../../process/flags.ts';
import { type SourceFlags, withCluster } from '../../process/source-flags.ts';

interface VersionFlags extends SourceFlags {
  readonly output: OutputFormat;
  readonly client?: boolean;
}

export function addVersion(
  program: Command,
  { variables, out }: Surroundings,
  perform: Perform,
): void {
  const command = program
    .command('version')
    .summary('versions of this program and its parts')
    .description(
      'Prints the version of this program, of its job files and of Node.js, and those on the cluster where one is known.',
    )
    .option('--client', 'only this program; no request to a cluster');
  withCluster(command);
  withVerbosity(withJson(command)).action(({ output, client, ...asked }: VersionFlags) =>
    perform(async () => {
      const { versionFromTerminal } = await import('./run.ts');
      const { cliConfig } = await import('../../process/config.ts');
      const config = client === true ? undefined : cliConfig(variables);
      return versionFromTerminal({ output, asked }, config, out);
    }),
  );
}
