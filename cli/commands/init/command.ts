// Commands that start something: init, estimate, explain, run.
import { type Command, Option } from 'commander';
import {
  assignments,
  byteQuantity,
  type DisplayFlags,
  type OutputFormat,
  volume,
  wholeNumber,
  withDisplay,
  withJson,
  withLook,
  withVerbosity,
} from '../../process/flags.ts';
import { type SourceFlags, withCluster } from '../../process/source-flags.ts';
import type { Perform, Surroundings } from '../../program.ts';
import { jsonOf } from '../../terminal/json.ts';
import { addSubmit } from '../change/command.ts';
import type { EstimateFlags } from '../estimate/run.ts';
import { look } from '../list/command.ts';
import type { InitFlags } from './run.ts';

export function addStartCommands(
  program: Command,
  surroundings: Surroundings,
  perform: Perform,
): void {
  program.commandsGroup('Start:');
  addInit(program, surroundings, perform);
  addImport(program, surroundings, perform);
  addEstimate(program, surroundings, perform);
  addExplain(program, surroundings, perform);
  addSubmit(program, surroundings, perform);
  addRun(program, surroundings, perform);
}

interface RunFlags extends DisplayFlags {
  readonly threads?: number;
  readonly workers?: number;
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
    .option(
      '--workers <n>',
      'processes that train together, each with a share of the model',
      wholeNumber,
    )
    .option('--threads <n>', 'processor threads of each worker', wholeNumber)
    .option('--steps <n>', 'train so many steps instead of what the file says', wholeNumber)
    .option('--volume <name=folder>', 'folder that stands for a claim (repeatable)', volume)
    .option('--fresh', 'start anew where an earlier run could be continued');
  withVerbosity(withDisplay(command)).action((file: string, flags: RunFlags) =>
    perform(async () => {
      const { runFromTerminal } = await import('../run/run.ts');
      const { cliConfig } = await import('../../process/config.ts');
      const { threads, workers, steps, volume: volumes = {}, fresh = false, ...display } = flags;
      const options = { file, threads, workers, volumes, steps, fresh };
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
      const { explain } = await import('../explain/run.ts');
      const { explanationText } = await import('../explain/text.ts');
      const found = explain(name);
      out(flags.output === 'json' ? jsonOf('Explanation', found) : explanationText(found, 80));
      return 0;
    }),
  );
}

function addEstimate(program: Command, surroundings: Surroundings, perform: Perform): void {
  const command = program
    .command('estimate')
    .argument('<file>', 'job file')
    .summary('memory and time of a job, before it runs')
    .description(
      'Tells how much memory a job takes and how long it runs, from the sizes of the model alone: no weights are read. ' +
        'Exit code 12 when it does not fit.',
    )
    .option('--gpu-memory <amount>', 'memory of one GPU, such as 24Gi', byteQuantity)
    .option('--workers <n>', 'workers that share the job', wholeNumber)
    .option(
      '--what-if <path=value>',
      'one more row with this change, or with several: a=1,b=2 (repeatable)',
      assignments,
    )
    .option('--volume <name=folder>', 'folder that stands for a claim (repeatable)', volume);
  withVerbosity(withJson(command)).action((file: string, flags: EstimateFlags) =>
    perform(async () => {
      const { estimateFromTerminal } = await import('../estimate/run.ts');
      const { cliConfig } = await import('../../process/config.ts');
      return estimateFromTerminal(file, flags, cliConfig(surroundings.variables), surroundings);
    }),
  );
}

function addInit(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('init')
    .summary('write a job file to begin with')
    .description(
      'Writes a job file with comments. On a terminal it asks five questions and shows the file as it grows; what is given is ' +
        'not asked. A place is owner/name on the Hugging Face hub, s3://bucket/prefix, claim:NAME/path in a volume, or a path ' +
        'on this machine.',
    )
    .option('--model <place>', 'model to start from')
    .option('--data <place>', 'conversations or text to learn from')
    .addOption(
      new Option('--goal <what>', 'what the model learns; chat where nothing is said').choices([
        'chat',
        'text',
        'try',
      ]),
    )
    .option(
      '--gpu-memory <amount>',
      'memory of a GPU, such as 24Gi; none: the processor',
      byteQuantity,
    )
    .addOption(
      new Option('--prefer <what>', 'what matters most; speed where nothing is said').choices([
        'memory',
        'speed',
        'quality',
        'size',
      ]),
    )
    .option('--file <file>', 'file to write', 'job.yaml')
    .addOption(new Option('-o, --output <format>', 'print it instead').choices(['yaml']))
    .option('--accessible', 'questions as lines instead of a screen');
  withVerbosity(withLook(withCluster(command))).action((flags: InitFlags & SourceFlags) =>
    perform(() =>
      look(flags, at, async (looking) => {
        const { initFromTerminal } = await import('./run.ts');
        return initFromTerminal(flags, looking);
      }),
    ),
  );
}

function addImport(program: Command, { out, err }: Surroundings, perform: Perform): void {
  const command = program
    .command('import')
    .argument('<file>', 'configuration of TRL, LLaMA-Factory, axolotl or torchtune')
    .summary('a job file from a file of another trainer')
    .description(
      'Writes a job file from a configuration of TRL, LLaMA-Factory, axolotl or torchtune. What cannot be taken over is named.',
    )
    .option('--file <file>', 'file to write; printed when absent');
  withVerbosity(command).action((file: string, flags: { readonly file?: string }) =>
    perform(async () => {
      const { importJob } = await import('../../import/import-job.ts');
      const { readText } = await import('../../client/read-job.ts');
      const { from, text, unknown, notes } = importJob(await readText(file), file);
      if (flags.file === undefined) out(text);
      else {
        const { writeNew } = await import('../../init/job-file.ts');
        await writeNew(flags.file, text);
        err(`wrote ${flags.file} from a file of ${from}\n`);
      }
      for (const note of notes) err(`note: ${note}\n`);
      for (const { key, near } of unknown) {
        err(`not taken over: ${key}${near === undefined ? '' : ` (is ${near} meant?)`}\n`);
      }
      if (flags.file !== undefined) err(`next: anneal estimate ${flags.file}\n`);
      return 0;
    }),
  );
}
