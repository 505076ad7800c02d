import { type Command, InvalidArgumentError, Option } from 'commander';
import { usualLimits } from '../../../crds/serve/usual-limits.ts';
import type { AskedDevice } from '../../devices/choose-devices.ts';
import type { Perform, Surroundings } from '../../process/context.ts';
import { askedDevice, byteQuantity, wholeNumber, withVerbosity } from '../../process/flags.ts';
import { adapter } from './adapter-flag.ts';
import { type AskedComposition, composition } from './compose-flag.ts';

export interface ServeFlags {
  readonly name?: string;
  readonly adapter?: readonly (readonly [name: string, folder: string])[];
  readonly adapters?: string;
  readonly compose?: readonly AskedComposition[];
  readonly anyBase?: boolean;
  readonly host: string;
  readonly port: number;
  readonly device?: AskedDevice;
  readonly threads?: number;
  readonly dtype?: 'float32' | 'bfloat16';
  readonly together: number;
  readonly queue: number;
  readonly context: number;
  readonly maxTokens: number;
  readonly cache: number;
  readonly stats?: boolean;
  readonly plan?: boolean;
}

export function addServe(
  program: Command,
  { variables, out, err }: Surroundings,
  perform: Perform,
) {
  const command = program
    .command('serve')
    .argument('<base>', 'model: a folder, a GGUF file, or a repository OWNER/NAME')
    .summary('answer requests with a model and adapters')
    .description(
      'Serves a model and adapters of it by name, with the requests of OpenAI. ' +
        'All requests are decoded together, whatever adapter they use. ' +
        'Ctrl-C answers what was asked and ends; the second ends at once.',
    )
    .option('--name <name>', 'of the base in requests, in place of that of its files')
    .option('--adapter <name=folder>', 'adapter in PEFT format (repeatable)', adapter)
    .option('--adapters <folder>', 'each folder in it is an adapter; looked at while it runs')
    .option(
      '--compose <name=parts>',
      'several adapters by one name: adapter:weight,… and mode=merge, logits, switch or dominant, span=tokens (repeatable)',
      composition,
    )
    .option('--any-base', 'serve adapters that do not say which base they were trained on')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <n>', 'port to listen on; 0 takes a free one', port, 8000)
    .option('--device <name>', 'auto, cpu, or cuda:0 and further', askedDevice)
    .option('--threads <n>', 'processor threads', wholeNumber)
    .option('--dtype <type>', 'float32 or bfloat16; by default bfloat16 on a GPU', dtype)
    .option('--together <n>', 'sequences that are decoded together', wholeNumber, 16)
    .option('--queue <n>', 'requests that may wait beside them', wholeNumber, usualLimits.queue)
    .option('--context <tokens>', 'longest prompt and answer together', wholeNumber, 2048)
    .option(
      '--max-tokens <n>',
      'longest answer of a chat that does not say',
      wholeNumber,
      usualLimits.maxTokens,
    )
    .addOption(
      new Option('--cache <amount>', 'memory of keys and values')
        .argParser(byteQuantity)
        .default(usualLimits.cacheBytes, '512Mi'),
    )
    .option('--stats', 'say each 10 s how soon answers begin, and tokens a second')
    .option(
      '--plan',
      'print the memory that it will take, and end; exit code 12 if it does not fit',
    );
  withVerbosity(command).action((base: string, flags: ServeFlags) =>
    perform(async () => {
      const { serveFromTerminal } = await import('./run.ts');
      const { cliConfig } = await import('../../process/config.ts');
      return serveFromTerminal(base, flags, cliConfig(variables), { out, err });
    }),
  );
}

function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text);
  throw new InvalidArgumentError('it must be a port from 0 to 65535');
}

function dtype(text: string): 'float32' | 'bfloat16' {
  if (text === 'float32' || text === 'bfloat16') return text;
  throw new InvalidArgumentError('it must be float32 or bfloat16');
}
