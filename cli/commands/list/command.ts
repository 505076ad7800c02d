import { type Command, Option } from 'commander';
import { display, type Perform, type Surroundings, type ViewFlags } from '../../process/context.ts';
import { withColors, withVerbosity } from '../../process/flags.ts';
import { structuredOutputs, withOutput, withSource } from '../../process/source-flags.ts';

export function addList(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('list')
    .alias('ls')
    .summary('jobs, federations, pools and servers, newest first')
    .description(
      'Lists the jobs of a namespace, or the runs of this machine where no cluster is known. ' +
        'Below the jobs: federations, pools of training jobs, and servers of adapters with their states and addresses; ' +
        'not with --watch, with flags that choose jobs, or as yaml or name.',
    )
    .option('-w, --watch', 'continue with a line for each change of a job')
    .option('-l, --selector <key=value>', 'only jobs with these labels')
    .option('--phase <phase...>', 'only jobs in these phases, such as Running')
    .option('--method <name>', 'only jobs of this method')
    .addOption(
      new Option('--sort <field>', 'order')
        .choices(['age', 'name', 'phase', 'step', 'loss', 'restarts'])
        .default('age'),
    );
  withOutput(withColors(withSource(command, true)), structuredOutputs);
  withVerbosity(command).action((flags: ViewFlags & ListFlags) =>
    perform(() =>
      display(flags, at, async (viewing) => {
        const { listFromTerminal } = await import('./run.ts');
        const { phase, method, selector, sort, output, watch = false } = flags;
        return listFromTerminal({ phase, method, selector, sort }, { output, watch }, viewing);
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
