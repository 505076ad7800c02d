import type { Command } from 'commander';
import type { Perform, Surroundings } from '../../process/context.ts';
import { withVerbosity } from '../../process/flags.ts';
import type { ImportFlags } from './run.ts';

export function addImport(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('import')
    .argument('<file>', 'configuration of TRL, LLaMA-Factory, axolotl or torchtune')
    .summary('convert the configuration of another trainer')
    .description(
      'Writes a job file from a configuration of TRL, LLaMA-Factory, axolotl or torchtune. Settings without an equivalent are listed.',
    )
    .option('--file <file>', 'file to write; printed when absent');
  withVerbosity(command).action((file: string, flags: ImportFlags) =>
    perform(async () => {
      const { importFromTerminal } = await import('./run.ts');
      return importFromTerminal(file, flags, at);
    }),
  );
}
