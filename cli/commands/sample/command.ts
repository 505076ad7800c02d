import { type Command, InvalidArgumentError } from 'commander';
import type { AskedDevice } from '../../devices/choose-devices.ts';
import type { Perform, Surroundings } from '../../process/context.ts';
import { askedDevice, wholeNumber, withJson, withVerbosity } from '../../process/flags.ts';
import { adapter } from '../serve/adapter-flag.ts';
import { type AskedComposition, composition } from '../serve/compose-flag.ts';

export interface SampleFlags {
  readonly name?: string;
  readonly adapter?: readonly (readonly [name: string, folder: string])[];
  readonly compose?: readonly AskedComposition[];
  readonly anyBase?: boolean;
  readonly to: string;
  readonly count: number;
  readonly classes?: readonly number[];
  readonly steps: number;
  readonly guidance: number;
  readonly seed: number;
  readonly cache: boolean;
  readonly device?: AskedDevice;
  readonly threads?: number;
  readonly output: 'text' | 'json';
}

export function addSample(
  program: Command,
  { variables, out, err }: Surroundings,
  perform: Perform,
) {
  const command = program
    .command('sample')
    .argument('<base>', 'diffusion transformer: a folder, or a repository OWNER/NAME')
    .summary('make pictures with a model and adapters')
    .description(
      'Makes pictures of noise with a diffusion transformer, with each adapter, or with several of them together (--compose). ' +
        'The same seed makes the same pictures. sample.json beside them says what they were made of.',
    )
    .option('--name <name>', 'of the base, in place of that of its folder')
    .option('--adapter <name=folder>', 'adapter in PEFT format (repeatable)', adapter)
    .option(
      '--compose <name=parts>',
      'several adapters by one name: adapter:weight,… and mode=merge, logits, switch or dominant, span=steps (repeatable)',
      composition,
    )
    .option('--any-base', 'use adapters that do not say which base they were trained on')
    .option('--to <folder>', 'folder for the pictures, which is new or empty', 'pictures')
    .option('--count <n>', 'pictures of each adapter or composition', wholeNumber, 10)
    .option('--classes <numbers>', 'classes that pictures have in turn; by default all', classes)
    .option('--steps <n>', 'denoising steps', wholeNumber, 20)
    .option('--guidance <factor>', 'towards the class; 1 for no guidance', finite, 1.5)
    .option('--seed <n>', 'of the noise that pictures begin as', fromZero, 0)
    .option('--no-cache', 'compute all blocks at each step, in the mode dominant')
    .option('--device <name>', 'auto, cpu, or cuda:0 and further', askedDevice)
    .option('--threads <n>', 'processor threads', wholeNumber);
  withVerbosity(withJson(command)).action((base: string, flags: SampleFlags) =>
    perform(async () => {
      const { sampleFromTerminal } = await import('./run.ts');
      const { cliConfig } = await import('../../process/config.ts');
      return sampleFromTerminal(base, flags, cliConfig(variables), { out, err });
    }),
  );
}

function fromZero(text: string): number {
  if (/^(0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  throw new InvalidArgumentError('it must be a whole number, 0 or more');
}

function classes(text: string): readonly number[] {
  if (/^\d{1,7}(,\d{1,7})*$/.test(text)) return text.split(',').map(Number);
  throw new InvalidArgumentError('it must be numbers with commas between, such as 0,3,7');
}

function finite(text: string): number {
  const value = Number(text);
  if (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) && Math.abs(value) <= 100) return value;
  throw new InvalidArgumentError('it must be a number from -100 to 100');
}
