// Commands that change jobs of a cluster: pause, resume, checkpoint, scale, cancel, delete.
import type { Command } from 'commander';
import { display, type Perform, type Surroundings } from '../../process/context.ts';
import { wholeNumber, withColors, withVerbosity } from '../../process/flags.ts';
import { jobArgument, type SourceFlags, withCluster } from '../../process/source-flags.ts';
import type { ChangeFlags, Verb } from './run.ts';

const verbs: readonly {
  readonly verb: Verb;
  readonly summary: string;
  readonly description: string;
}[] = [
  {
    verb: 'pause',
    summary: 'save and release the devices',
    description:
      'Saves, then removes the workers and gives their devices back. resume goes on from there.',
  },
  {
    verb: 'resume',
    summary: 'go on with a paused job',
    description: 'Goes on with a paused job from its last checkpoint.',
  },
  {
    verb: 'checkpoint',
    summary: 'save now, and go on',
    description:
      'Asks the workers for a checkpoint that outlives them, while they train, and tells its step once it is there.',
  },
  {
    verb: 'scale',
    summary: 'change the number of workers',
    description: 'Changes the number of workers of an elastic job, or of a paused one.',
  },
  {
    verb: 'cancel',
    summary: 'save, stop and remove a job',
    description: 'Saves, stops the workers and removes the job. Checkpoints and results stay.',
  },
  {
    verb: 'delete',
    summary: 'remove the record of a job that ended',
    description: 'Removes the record of a job that ended. Checkpoints and results stay.',
  },
];

export function addChanges(program: Command, at: Surroundings, perform: Perform): void {
  for (const { verb, summary, description } of verbs) {
    const command = program
      .command(verb)
      .argument('<name>', jobArgument)
      .summary(summary)
      .description(description);
    if (verb === 'scale') command.argument('<workers>', 'how many', wholeNumber);
    if (verb === 'cancel') {
      command
        .option('--now', 'end at once, without a save')
        .option('--delete-data', 'remove its checkpoints and results too, for ever')
        .option('--confirm <name>', 'name of the job, where --delete-data would ask for it');
    }
    command
      .option('--no-wait', 'do not wait until it is done')
      .option('--timeout <seconds>', 'wait so long at most', wholeNumber, 900)
      .option('-n, --namespace <name>', 'namespace of the cluster');
    withVerbosity(withColors(withCluster(command))).action(
      (name: string, second: unknown, third: unknown) => {
        const flags = (verb === 'scale' ? third : second) as SourceFlags & ChangeFlags;
        const workers = verb === 'scale' ? Number(second) : 0;
        return perform(() =>
          display(flags, at, async (looking) => {
            const { changeFromTerminal } = await import('./run.ts');
            return changeFromTerminal(verb, name, flags, looking, workers);
          }),
        );
      },
    );
  }
}
