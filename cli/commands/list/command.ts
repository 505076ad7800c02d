// Commands that look at jobs: list, get, describe, why, logs, metrics, compare, checkpoints. The same for a cluster and this machine.
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type DisplayFlags,
  wholeNumber,
  withDisplay,
  withLook,
  withVerbosity,
} from '../../process/flags.ts';
import {
  type SourceFlags,
  structuredOutputs,
  withOutput,
  withSource,
} from '../../process/source-flags.ts';
import type { Perform, Surroundings } from '../../program.ts';
import type { LogsFlags } from '../logs/run.ts';
import type { CompareFlags, MetricsFlags } from '../metrics/run.ts';
import type { Looking } from './run.ts';

export const jobArgument = 'name, namespace/name, the beginning of a name, or @latest';

type LookFlags = SourceFlags & Partial<DisplayFlags>;
type Look = (looking: Looking) => Promise<number>;

/** Opens what every command that looks needs, and turns Ctrl-C into an exit code. */
export async function look(
  flags: LookFlags,
  surroundings: Surroundings,
  act: Look,
): Promise<number> {
  const { cliConfig } = await import('../../process/config.ts');
  const { outputOf } = await import('../../terminal/output.ts');
  const { onInterrupt } = await import('../../process/interrupts.ts');
  const config = cliConfig(surroundings.variables);
  using interrupts = onInterrupt();
  const { signal } = interrupts;
  try {
    const code = await act({
      flags,
      config,
      output: outputOf(config, flags, surroundings),
      signal,
    });
    return interrupts.code() ?? code;
  } catch (thrown) {
    const code = interrupts.code();
    if (code !== undefined) return code;
    throw thrown;
  }
}

export function addJobCommands(program: Command, at: Surroundings, perform: Perform): void {
  program.commandsGroup('Look:');
  addList(program, at, perform);
  addWatch(program, at, perform);
  addGet(program, at, perform);
  addDescribe(program, at, perform);
  addWhy(program, at, perform);
  addLogs(program, at, perform);
  addMetrics(program, at, perform);
  addCompare(program, at, perform);
  addCheckpoints(program, at, perform);
}

function addList(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('list')
    .alias('ls')
    .summary('jobs, newest first')
    .description(
      'Lists the jobs of a namespace, or the runs of this machine where no cluster is known.',
    )
    .option('-w, --watch', 'go on with a line for each change')
    .option('-l, --selector <key=value>', 'only jobs with these labels')
    .option('--phase <phase...>', 'only jobs in these phases, such as Running')
    .option('--method <name>', 'only jobs of this method')
    .addOption(
      new Option('--sort <field>', 'order')
        .choices(['age', 'name', 'phase', 'step', 'loss', 'restarts'])
        .default('age'),
    );
  withOutput(withLook(withSource(command, true)), structuredOutputs);
  withVerbosity(command).action((flags: LookFlags & ListFlags) =>
    perform(() =>
      look(flags, at, async (looking) => {
        const { listFromTerminal } = await import('./run.ts');
        const { phase, method, selector, sort, output, watch = false } = flags;
        return listFromTerminal({ phase, method, selector, sort }, { output, watch }, looking);
      }),
    ),
  );
}

interface ListFlags {
  readonly phase?: readonly string[];
  readonly method?: string;
  readonly selector?: string;
  readonly sort: 'age' | 'name' | 'phase' | 'step' | 'loss' | 'restarts';
  readonly output: string;
  readonly watch?: boolean;
}

interface WatchCommandFlags extends LookFlags {
  readonly until?: string;
  readonly interval?: number;
  readonly exitStatus: boolean;
}

function addWatch(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('watch')
    .argument('[name]', `${jobArgument}; none: all jobs`)
    .summary('follow a job, or all jobs, on a live screen')
    .description(
      'Follows a job until it ends, or shows all jobs. Leaving never changes a job. In a pipe it prints a line a change. ' +
        'The exit code is that of the job: 10 when it failed, 11 when it was deleted.',
    )
    .option('--until <what>', 'leave at a phase such as Running, or at step=500')
    .option(
      '--interval <seconds>',
      'between two lines about steps; 10 where nothing is said',
      wholeNumber,
    )
    .option('--no-exit-status', 'exit with 0 whatever became of the job');
  withVerbosity(withDisplay(withSource(command, true))).action(
    (name: string | undefined, flags: WatchCommandFlags) =>
      perform(() =>
        look(flags, at, async (looking) => {
          const { watchFromTerminal } = await import('../watch/run.ts');
          const { display, until, interval, exitStatus, accessible = false } = flags;
          const { color = true, theme, motion } = flags;
          const watch = { display, until, interval, exitStatus, accessible, color, theme, motion };
          return watchFromTerminal(name, watch, looking);
        }),
      ),
  );
}

function addGet(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('get')
    .argument('<name>', jobArgument)
    .summary('a job as it is, in YAML or JSON')
    .description('Prints the whole object of a job: what was asked and what is.');
  withOutput(withSource(command), ['yaml', 'json']);
  withVerbosity(command).action((name: string, flags: LookFlags & { readonly output: string }) =>
    perform(() =>
      look(flags, at, async (looking) => {
        const { getFromTerminal } = await import('./run.ts');
        return getFromTerminal(name, flags.output, looking);
      }),
    ),
  );
}

function addDescribe(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('describe')
    .argument('<name>', jobArgument)
    .summary('what a job is, where it runs, how it stands, why')
    .description('Tells what a job is, where it runs, how it stands and why.');
  withOutput(withLook(withSource(command)), ['text', 'json']);
  withVerbosity(command).action((name: string, flags: LookFlags & { readonly output: string }) =>
    perform(() =>
      look(flags, at, async (looking) => {
        const { describeFromTerminal } = await import('./run.ts');
        return describeFromTerminal(name, flags.output, looking);
      }),
    ),
  );
}

function addWhy(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('why')
    .argument('<name>', jobArgument)
    .summary('why a job stands where it stands, and what to do')
    .description(
      'Tells the first cause of trouble, what goes on by itself, and what you can change. ' +
        'For a job that is well: what it waits for.',
    );
  withOutput(withLook(withSource(command)), ['text', 'json']);
  withVerbosity(command).action((name: string, flags: LookFlags & { readonly output: string }) =>
    perform(() =>
      look(flags, at, async (looking) => {
        const { whyFromTerminal } = await import('./run.ts');
        return whyFromTerminal(name, flags.output, looking);
      }),
    ),
  );
}

function addLogs(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('logs')
    .argument('<name>', jobArgument)
    .summary('what the workers of a job say')
    .description(
      'Prints the lines of all workers in the order of time. A line that several of them say is printed once.',
    )
    .option('-f, --follow', 'go on with new lines')
    .option('--full', 'on a screen, with search and scrolling')
    .option('--rank <numbers>', 'only these workers, such as 0,2 or 0-3')
    .option('--since <time>', 'only lines of the last 30s, 10m, 2h')
    .option('--tail <n>', 'only the last lines', wholeNumber)
    .option('--grep <pattern>', 'only lines that match')
    .addOption(
      new Option('--level <level>', 'only lines as important as that')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .option('--previous', 'of the container before the last restart')
    .option('--operator', 'what the operator says of this job')
    .option('--raw', 'only the words, as they were said');
  withOutput(withLook(withSource(command)), ['text', 'json']);
  withVerbosity(command).action(
    (name: string, flags: LookFlags & LogsFlags & { readonly full?: boolean }) =>
      perform(() =>
        look(flags, at, async (looking) => {
          if (flags.full) {
            const { watchLogs } = await import('../watch/run.ts');
            return watchLogs(name, flags, looking);
          }
          const { logsFromTerminal } = await import('../logs/run.ts');
          return logsFromTerminal(name, flags, looking);
        }),
      ),
  );
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value < 1) return value;
  throw new InvalidArgumentError('it must be 0 or more and less than 1');
}

function addMetrics(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('metrics')
    .argument('<name>', jobArgument)
    .argument('[metrics...]', 'loss, eval_loss, lr, grad_norm, tokens_per_second, …')
    .summary('numbers of a job as plots, CSV or JSON')
    .description('Draws numbers of a job on a terminal; in a pipe, prints them as rows.')
    .addOption(
      new Option('--x <axis>', 'what runs to the right')
        .choices(['step', 'tokens', 'time'])
        .default('step'),
    )
    .option('--ema <share>', 'exponential mean; 0.98 keeps about 50 steps', share, 0)
    .option('--log', 'logarithmic scale')
    .option('--last <n>', 'only the last values', wholeNumber)
    .option('--width <columns>', 'width of the plots', wholeNumber)
    .addOption(
      new Option('-o, --output <format>', 'plot or rows').choices(['plot', 'csv', 'json']),
    );
  withLook(withSource(command));
  withVerbosity(command).action(
    (name: string, metrics: readonly string[], flags: LookFlags & MetricsFlags) =>
      perform(() =>
        look(flags, at, async (looking) => {
          const { metricsFromTerminal } = await import('../metrics/run.ts');
          return metricsFromTerminal(name, metrics, flags, looking);
        }),
      ),
  );
}

function addCompare(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('compare')
    .argument('<names...>', 'two to four jobs; the first is the base')
    .summary('jobs beside each other: what differs, what came out')
    .description(
      'Tells what differs in what was asked, draws the curves in one picture, and compares at equal tokens. ' +
        'A difference is only called one when it is larger than the noise.',
    )
    .addOption(
      new Option('--at <what>', 'what is equal where they are compared')
        .choices(['tokens', 'steps', 'time'])
        .default('tokens'),
    )
    .option('--metric <name>', 'the curve that is drawn, such as eval_loss', 'loss')
    .option('--live', 'on a screen, while they go on');
  withOutput(withLook(withSource(command)), ['text', 'json']);
  withVerbosity(command).action((names: readonly string[], flags: LookFlags & CompareFlags) =>
    perform(() =>
      look(flags, at, async (looking) => {
        const { compareFromTerminal } = await import('../metrics/run.ts');
        return compareFromTerminal(names, flags, looking);
      }),
    ),
  );
}

function addCheckpoints(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('checkpoints')
    .argument('<name>', jobArgument)
    .summary('what a job can go on from')
    .description('Lists the checkpoints of a job: the newest, the best, where they are.');
  withOutput(withLook(withSource(command)), ['table', 'json']);
  withVerbosity(command).action((name: string, flags: LookFlags & { readonly output: string }) =>
    perform(() =>
      look(flags, at, async (looking) => {
        const { checkpointsFromTerminal } = await import('./run.ts');
        return checkpointsFromTerminal(name, flags.output, looking);
      }),
    ),
  );
}
