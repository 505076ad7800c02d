import type { Command } from 'commander';
import { display, type Perform, type Surroundings, type ViewFlags } from '../../process/context.ts';
import { wholeNumber, withDisplay, withVerbosity } from '../../process/flags.ts';
import { jobArgument, withSource } from '../../process/source-flags.ts';

interface WatchCommandFlags extends ViewFlags {
  readonly until?: string;
  readonly interval?: number;
  readonly exitStatus: boolean;
}

export function addWatch(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('watch')
    .argument('[name]', `${jobArgument}, a server, a pool or a federation; none: all`)
    .summary('follow a job, or all, on a live screen')
    .description(
      'Follows a job until it ends, a server of adapters, a pool of training jobs or a federation, or shows all. Leaving the screen does not change a job. In a pipe it prints a line for each change. ' +
        'The exit code is that of the job: 10 when it failed, 11 when it was deleted.',
    )
    .option('--until <what>', 'stop watching at a phase such as Running, or at step=500')
    .option(
      '--interval <seconds>',
      'seconds of training between two lines; default 10',
      wholeNumber,
    )
    .option('--no-exit-status', 'exit with 0 whatever the outcome of the job');
  withVerbosity(withDisplay(withSource(command, true))).action(
    (name: string | undefined, flags: WatchCommandFlags) =>
      perform(() =>
        display(flags, at, async (viewing) => {
          const { watchFromTerminal } = await import('./run.ts');
          const { display, until, interval, exitStatus, accessible = false } = flags;
          const { color = true, theme, motion } = flags;
          const watch = { display, until, interval, exitStatus, accessible, color, theme, motion };
          return watchFromTerminal(name, watch, viewing);
        }),
      ),
  );
}
