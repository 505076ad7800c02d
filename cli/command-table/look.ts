// Commands that look at this program and this machine: doctor, version.
import type { Command } from 'commander';
import { programVersion } from '../../crds/version.ts';
import type { Perform, Surroundings } from '../program.ts';
import { type OutputFormat, withJson, withVerbosity } from './flags.ts';
import { jsonOf } from './json.ts';

interface Flags {
  readonly output: OutputFormat;
}

export function addLookCommands(
  program: Command,
  surroundings: Surroundings,
  perform: Perform,
): void {
  program.commandsGroup('Help:');
  addVersion(program, surroundings, perform);
}

function addVersion(program: Command, { out }: Surroundings, perform: Perform): void {
  const command = program
    .command('version')
    .summary('versions of this program and its parts')
    .description('Prints the version of this program, of its job files and of Node.js.');
  withVerbosity(withJson(command)).action(({ output }: Flags) =>
    perform(async () => {
      const { apiVersion } = await import('../../crds/group.ts');
      const parts = {
        program: programVersion,
        jobs: apiVersion,
        node: process.versions.node,
        platform: `${process.platform} ${process.arch}`,
      };
      const lines = Object.entries(parts).map(([name, value]) => `${name.padEnd(9)} ${value}\n`);
      out(output === 'json' ? jsonOf('Version', parts) : lines.join(''));
      return 0;
    }),
  );
}
