import type { Command } from 'commander';
import { type LookFlags, look, type Perform, type Surroundings } from '../../process/context.ts';
import { withLook, withVerbosity } from '../../process/flags.ts';
import { jobArgument, withOutput, withSource } from '../../process/source-flags.ts';

export function addCheckpoints(program: Command, at: Surroundings, perform: Perform): void {
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
