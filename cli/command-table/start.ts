// Commands that start something: init, estimate, explain, run.
import type { Command } from 'commander';
import type { Perform, Surroundings } from '../program.ts';
import {
  type DisplayFlags,
  type OutputFormat,
  volume,
  wholeNumber,
  withDisplay,
  withJson,
  withVerbosity,
} from './flags.ts';

export function addStartCommands(
  program: Command,
  surroundings: Surroundings,
  perform: Perform,
): void {
  program.commandsGroup('Start:');
  addExplain(program, surroundings, perform);
  addRun(program, surroundings, perform);
}

interface RunFlags extends DisplayFlags {
  readonly threads?: number;
  readonly steps?: number;
  readonly volume?: Readonly<Record<string, string>>;
  readonly fresh?: boolean;
}

function addRun(program: Command, { variables }: Surroundings, perform: Perform): void {
  const command = program
    .command('run')
    .argument('<file>', 'job file')
    .summary('train on this machine')
    .description(
      'Trains a job on this machine, without a cluster. The first Ctrl-C saves and stops, the second ends at once; ' +
        'the same command goes on from the last checkpoint.',
    )
    .option('--threads <n>', 'processor threads', wholeNumber)
    .option('--steps <n>', 'train so many steps instead of what the file says', wholeNumber)
    .option('--volume <name=folder>', 'folder that stands for a claim (repeatable)', volume)
    .option('--fresh', 'start anew where an earlier run could be continued');
  withVerbosity(withDisplay(command)).action((file: string, flags: RunFlags) =>
    perform(async () => {
      const { runFromTerminal } = await import('../commands/run-from-terminal.ts');
      const { cliConfig } = await import('../config.ts');
      const { threads, steps, volume: volumes = {}, fresh = false, ...display } = flags;
      const options = { file, threads, volumes, steps, fresh };
      return runFromTerminal(options, display, cliConfig(variables));
    }),
  );
}

interface ExplainFlags {
  readonly output: OutputFormat;
}

function addExplain(program: Command, { out }: Surroundings, perform: Perform): void {
  const command = program
    .command('explain')
    .argument('[name]', 'field, method or failure: training.epochs, LoRA, E_DOES_NOT_FIT')
    .summary('what a field, a method or a failure is')
    .description('Tells what a field of a job file, a method or a failure is. Needs no network.');
  withVerbosity(withJson(command)).action((name: string | undefined, flags: ExplainFlags) =>
    perform(async () => {
      const { explain } = await import('../commands/explain.ts');
      const { explanationText } = await import('../format/explanation-text.ts');
      const found = explain(name);
      out(flags.output === 'json' ? jsonOf('Explanation', found) : explanationText(found, 80));
      return 0;
    }),
  );
}

/** The stable form for programs: fields are only ever added. */
export function jsonOf(kind: string, content: object): string {
  return `${JSON.stringify({ apiVersion: 'cli.anneal.dev/v1', kind, ...content }, null, 2)}\n`;
}
