import { Argument, type Command } from 'commander';
import type { Perform, Surroundings } from '../../process/context.ts';
import { withVerbosity } from '../../process/flags.ts';

const shells = ['bash', 'zsh', 'fish', 'powershell', 'kubectl'] as const;
export type Shell = (typeof shells)[number];

export function addCompletion(
  program: Command,
  surroundings: Surroundings,
  perform: Perform,
): void {
  const command = program
    .command('completion')
    .addArgument(new Argument('<shell>', 'shell to complete for').choices([...shells]))
    .summary('completion for a shell, or for kubectl')
    .description(
      'Prints a script that lets a shell complete commands, flags, jobs and fields. In bash: source <(anneal completion bash). ' +
        'For kubectl anneal, save the one of kubectl on the PATH as kubectl_complete-anneal.',
    );
  withVerbosity(command).action((shell: Shell) =>
    perform(async () => {
      const { completionFromTerminal } = await import('./run.ts');
      return completionFromTerminal(shell, surroundings.out);
    }),
  );
  // The scripts call it with the words of the line after `--`.
  const asked = program.command('complete', { hidden: true }).argument('[words...]');
  asked.passThroughOptions().allowUnknownOption();
  asked.action((words: readonly string[]) =>
    perform(async () => {
      const { completeWords } = await import('./run.ts');
      return completeWords(program, words, surroundings);
    }),
  );
}
