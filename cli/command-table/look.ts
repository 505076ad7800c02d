// Commands that look at this program and this machine: doctor, version.
import { Argument, type Command } from 'commander';
import { programVersion } from '../../crds/version.ts';
import type { Lookup } from '../completion/suggest.ts';
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
  addCompletion(program, surroundings, perform);
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

const shells = ['bash', 'zsh', 'fish', 'powershell', 'kubectl'] as const;

function addCompletion(program: Command, { variables, out }: Surroundings, perform: Perform): void {
  const command = program
    .command('completion')
    .addArgument(new Argument('<shell>', 'shell that asks').choices([...shells]))
    .summary('completion for a shell, or for kubectl')
    .description(
      'Prints a script that lets a shell complete commands, flags, jobs and fields. In bash: source <(anneal completion bash). ' +
        'For kubectl anneal, save the one of kubectl on the PATH as kubectl_complete-anneal.',
    );
  withVerbosity(command).action((shell: (typeof shells)[number]) =>
    perform(async () => {
      if (shell === 'kubectl') {
        const { kubectlScript } = await import('../completion/kubectl-script.ts');
        out(kubectlScript);
      } else {
        const { script } = await import('@bomb.sh/tab');
        script(shell, 'anneal', 'anneal');
      }
      return 0;
    }),
  );
  // What the scripts call, with the words of the line after two hyphens.
  const asked = program.command('complete', { hidden: true }).argument('[words...]');
  asked.passThroughOptions().allowUnknownOption();
  asked.action((words: readonly string[]) =>
    perform(async () => {
      const { suggest, suggestionsText } = await import('../completion/suggest.ts');
      // A flag or a command is completed without reading any configuration.
      const lookup: Lookup = async (what) => {
        const { lookupIn } = await import('../completion/lookup.ts');
        const { cliConfig } = await import('../config.ts');
        return lookupIn(cliConfig(variables))(what);
      };
      out(suggestionsText(await suggest(program, words, lookup)));
      return 0;
    }),
  );
}
