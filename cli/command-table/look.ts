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
  addDoctor(program, surroundings, perform);
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

function addDoctor(program: Command, { variables, out }: Surroundings, perform: Perform): void {
  const command = program
    .command('doctor')
    .summary('what this machine lacks')
    .description(
      'Checks what a job on this machine needs and tells the fix of each thing that is missing. Changes nothing. ' +
        'Exit code 5 when something needed is missing.',
    );
  withVerbosity(withJson(command)).action(({ output }: Flags) =>
    perform(async () => {
      const { doctorFromTerminal } = await import('../commands/doctor-from-terminal.ts');
      const { cliConfig } = await import('../config.ts');
      return doctorFromTerminal(output, cliConfig(variables), out);
    }),
  );
}
