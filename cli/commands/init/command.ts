import { type Command, Option } from 'commander';
import { display, type Perform, type Surroundings } from '../../process/context.ts';
import { byteQuantity, withColors, withVerbosity } from '../../process/flags.ts';
import { type SourceFlags, withCluster } from '../../process/source-flags.ts';
import type { InitFlags } from './run.ts';

export function addInit(program: Command, at: Surroundings, perform: Perform): void {
  const command = program
    .command('init')
    .summary('write a first job file')
    .description(
      'Writes a job file with comments. On a terminal it asks up to five questions and shows the file as it grows; a flag answers ' +
        'its question. A source is owner/name on the Hugging Face hub, s3://bucket/prefix, claim:NAME/path in a volume, or a path ' +
        'on this machine.',
    )
    .option('--model <source>', 'base model')
    .option('--data <source>', 'conversations, text or pictures to train on')
    .addOption(
      new Option('--goal <what>', 'what the model learns; default chat').choices([
        'chat',
        'text',
        'pictures',
        'try',
      ]),
    )
    .option('--gpu-memory <amount>', 'memory of a GPU, such as 24Gi; default no GPU', byteQuantity)
    .addOption(
      new Option('--prefer <what>', 'what matters most; default speed').choices([
        'memory',
        'speed',
        'quality',
        'size',
      ]),
    )
    .option('--file <file>', 'file to write', 'job.yaml')
    .addOption(new Option('-o, --output <format>', 'print it instead').choices(['yaml']))
    .option('--accessible', 'questions as lines instead of a screen');
  withVerbosity(withColors(withCluster(command))).action((flags: InitFlags & SourceFlags) =>
    perform(() =>
      display(flags, at, async (viewing) => {
        const { initFromTerminal } = await import('./run.ts');
        return initFromTerminal(flags, viewing);
      }),
    ),
  );
}
