// The program in terms of commander. It imports only commander and small files: each action loads
// its command when it runs, so that help and completion stay fast.
import { Command, CommanderError } from 'commander';
import { programVersion } from '../crds/names/version.ts';
import { commandTable } from './command-table.ts';
import { withConfigFile } from './process/config-file.ts';
import type { Perform, Surroundings } from './process/context.ts';
import { usageError } from './usage-error.ts';

/** Runs the command line; the exit code follows the failure table. */
export async function run(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { err } = surroundings;
  let code = 0;
  // Help works even if the configuration file is invalid.
  let broken: unknown;
  const variables = await withConfigFile(surroundings.variables).catch((error: unknown) => {
    broken = error;
    return surroundings.variables;
  });
  const perform: Perform = async (action) => {
    if (broken !== undefined) throw broken;
    code = await action();
  };
  const program = createProgram({ ...surroundings, variables }, perform);
  const words = argv.slice(2);
  if (words.length === 0) {
    program.outputHelp();
    return 0;
  }
  try {
    await program.parseAsync([...argv]);
    return code;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return 0;
      const { message, hint } = usageError(thrown, words, program);
      err(`${message}\nhint: ${hint}\n`);
      return 2;
    }
    const { reportError } = await import('./report-error.ts');
    return reportError(thrown, {
      write: (line) => err(`${line}\n`),
      debug: words.includes('--debug') || Boolean(surroundings.variables['ANNEAL_DEBUG']),
      verbose: words.includes('-v') || words.includes('--verbose'),
    });
  }
}

export function createProgram(surroundings: Surroundings, perform: Perform): Command {
  const { out } = surroundings;
  const program = new Command('anneal')
    .description('Fine-tune language models on one machine or on a cluster.')
    .usage('<command> [options]')
    .version(programVersion, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: out, writeErr: () => {}, getOutHelpWidth: () => 80 })
    .addHelpText('after', examples);
  for (const [group, commands] of commandTable) {
    program.commandsGroup(group);
    for (const add of commands) add(program, surroundings, perform);
  }
  return program;
}

const examples = `
Examples:
  anneal estimate job.yaml       will it fit, and how long will it take?
  anneal run job.yaml            train on this machine
  anneal explain LoRA            what a method does and what it sets

A command with --help tells more. Exit codes: 0 done, 2 usage or job file,
3 not found, 5 this machine lacks something, 10 the job failed, 12 does not fit.
`;
