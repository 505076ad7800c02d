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
      'Saves, then removes the workers and releases their devices. resume continues from the checkpoint.',
  },
  {
    verb: 'resume',
    summary: 'resume a paused job',
    description: 'Resumes a paused job from its last checkpoint.',
  },
  {
    verb: 'checkpoint',
    summary: 'save now, and continue',
    description:
      'Asks the workers for a durable checkpoint while they train, and prints its step when it is complete.',
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
    summary: 'remove an ended job',
    description: 'Removes the object of an ended job. Checkpoints and results stay.',
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
        .option('--delete-data', 'also remove its checkpoints and results, irreversibly')
        .option('--confirm <name>', 'name of the job, so that --delete-data does not ask for it');
    }
    command
      .option('--no-wait', 'do not wait until it is done')
      .option('--timeout <seconds>', 'longest time to wait', wholeNumber, 900)
      .option('-n, --namespace <name>', 'namespace of the cluster');
    withVerbosity(withColors(withCluster(command))).action(
      (name: string, second: unknown, third: unknown) => {
        const flags = (verb === 'scale' ? third : second) as SourceFlags & ChangeFlags;
        const workers = verb === 'scale' ? Number(second) : 0;
        return perform(() =>
          display(flags, at, async (viewing) => {
            const { changeFromTerminal } = await import('./run.ts');
            return changeFromTerminal(verb, name, flags, viewing, workers);
          }),
        );
      },
    );
  }
}
