import { type Command, InvalidArgumentError, Option } from 'commander';
import { display, type Perform, type Surroundings } from '../../process/context.ts';
import {
  type Assignment,
  assignments,
  withColors,
  withMotion,
  withVerbosity,
} from '../../process/flags.ts';
import { type SourceFlags, withCluster, withOutput } from '../../process/source-flags.ts';

interface SubmitCommandFlags extends SourceFlags {
  readonly set?: readonly (readonly Assignment[])[];
  readonly name?: string;
  readonly generateName?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly dryRun?: 'client' | 'server';
  readonly forceConflicts?: boolean;
  readonly watch?: boolean;
  readonly wait?: boolean;
  readonly logs?: boolean;
  readonly force?: boolean;
  readonly confirm?: boolean;
  readonly motion?: boolean;
  readonly output: 'text' | 'json' | 'name';
}

export function addSubmit(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('submit')
    .argument('<files...>', 'job files; - reads standard input')
    .summary('submit jobs to a cluster')
    .description(
      'Checks job files here and on the server, then applies them. On a terminal the job is watched; leaving the screen does not stop it. ' +
        'With --watch, --wait or --logs the exit code is that of the job; it is 12 where a job would not fit, and then nothing is submitted.',
    )
    .option('--set <path=value>', 'change a field of the file (repeatable)', assignments)
    .option('--name <name>', 'name instead of the one in the file')
    .option('--generate-name <prefix>', 'prefix of a generated name')
    .option('-l, --label <key=value>', 'label (repeatable)', keyValue)
    .addOption(new Option('--dry-run <where>', 'validate only').choices(['client', 'server']))
    .option('--force-conflicts', 'overwrite fields that others have set')
    .option('--watch', 'watch it; the default on a terminal')
    .option('--no-watch', 'do not watch it')
    .option('--wait', 'wait for the end without output')
    .option('--logs', 'print the log of its workers until it ends')
    .option('--confirm', 'show the plan, and ask before submitting')
    .option('--force', 'submit even if it would not fit')
    .option('-n, --namespace <name>', 'namespace of the cluster');
  withOutput(withMotion(withColors(withCluster(command))), ['text', 'json', 'name']);
  withVerbosity(command).action((files: readonly string[], flags: SubmitCommandFlags) =>
    perform(() =>
      display(flags, at, async (viewing) => {
        const { submitFromTerminal } = await import('./run.ts');
        const { set = [], name, generateName, label = {}, dryRun = 'none', watch, output } = flags;
        return submitFromTerminal(
          files,
          {
            ...{ set: set.flat(), name, generateName, labels: label, dryRun, watch, output },
            forceConflicts: flags.forceConflicts === true,
            wait: flags.wait === true,
            logs: flags.logs === true,
            force: flags.force === true,
            confirm: flags.confirm === true,
            motion: flags.motion !== false,
          },
          viewing,
        );
      }),
    ),
  );
}

function keyValue(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const [, key, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (key === undefined || value === undefined) {
    throw new InvalidArgumentError('it must be key=value');
  }
  return { ...before, [key]: value };
}
