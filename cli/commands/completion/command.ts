// Commands that look at this program and this machine: doctor, version.
import { Argument, type Command } from 'commander';
import type { Lookup } from '../../completion/suggest.ts';
import { type OutputFormat, withJson, withVerbosity } from '../../process/flags.ts';
import { type SourceFlags, withCluster } from '../../process/source-flags.ts';
import type { Perform, Surroundings } from '../../program.ts';
import { jsonOf } from '../../terminal/json.ts';

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

function addVersion(program: Command, { variables, out }: Surroundings, perform: Perform): void {
  const command = program
    .command('version')
    .summary('versions of this program and its parts')
    .description(
      'Prints the version of this program, of its job files and of Node.js, and where a cluster is known what runs there.',
    )
    .option('--client', 'only what is here; asks no cluster');
  withCluster(command);
  withVerbosity(withJson(command)).action(({ output, client, ...asked }: VersionFlags) =>
    perform(async () => {
      const { versionsOf, versionText } = await import('../version/run.ts');
      const { cliConfig } = await import('../../process/config.ts');
      const config = client === true ? undefined : cliConfig(variables);
      const versions = await versionsOf(config, asked);
      out(output === 'json' ? jsonOf('Version', versions) : versionText(versions));
      return 0;
    }),
  );
}

type VersionFlags = Flags & SourceFlags & { readonly client?: boolean };

function addDoctor(program: Command, { variables, out }: Surroundings, perform: Perform): void {
  const command = program
    .command('doctor')
    .summary('what this machine and the cluster lack')
    .description(
      'Checks what jobs need, on this machine and on the cluster where one is known, and tells the fix of each thing that is missing. ' +
        'Changes nothing. Exit code 5 when this machine lacks something that it needs, or a cluster that was named does.',
    );
  command.option('-n, --namespace <name>', 'namespace of the cluster');
  withCluster(command);
  withVerbosity(withJson(command)).action(({ output, ...asked }: Flags & SourceFlags) =>
    perform(async () => {
      const { doctorFromTerminal } = await import('../doctor/run.ts');
      const { cliConfig } = await import('../../process/config.ts');
      return doctorFromTerminal({ output, asked }, cliConfig(variables), out);
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
        const { kubectlScript } = await import('../../completion/kubectl-script.ts');
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
      const { suggest, suggestionsText } = await import('../../completion/suggest.ts');
      // A flag or a command is completed without reading any configuration.
      const lookup: Lookup = async (what) => {
        const { lookupIn } = await import('../../completion/lookup.ts');
        const { cliConfig } = await import('../../process/config.ts');
        return lookupIn(cliConfig(variables))(what);
      };
      out(suggestionsText(await suggest(program, words, lookup)));
      return 0;
    }),
  );
}
