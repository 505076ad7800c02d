import type { Command } from 'commander';
import type { Perform, Surroundings } from '../../process/context.ts';
import { type OutputFormat, withJson, withVerbosity } from '../../process/flags.ts';

interface ExplainFlags {
  readonly output: OutputFormat;
}

export function addExplain(program: Command, { out }: Surroundings, perform: Perform): void {
  const command = program
    .command('explain')
    .argument(
      '[name]',
      'field, method or failure: training.epochs, LoRA, E_DOES_NOT_FIT; or adapters',
    )
    .summary('explain a field, a method or a failure')
    .description(
      'Explains a field of a job file, a method or a failure; adapters compares all of them. Needs no network.',
    );
  withVerbosity(withJson(command)).action((name: string | undefined, flags: ExplainFlags) =>
    perform(async () => {
      const { explainFromTerminal } = await import('./run.ts');
      return explainFromTerminal(name, flags.output, out);
    }),
  );
}
