// Flags that several commands share, and their parsers.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type DeviceName, isDeviceName } from '../../crds/names/device-name.ts';

export function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('it must be a whole number, 1 or more');
}

export function askedDevice(text: string): 'auto' | DeviceName {
  if (text === 'auto' || isDeviceName(text)) return text;
  throw new InvalidArgumentError('it must be auto, cpu, or cuda:<n> such as cuda:0');
}

/** `name=folder`, repeatable. */
export function volume(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const [, name, folder] = /^([a-z0-9][-a-z0-9.]*)=(.+)$/.exec(text) ?? [];
  if (name === undefined || folder === undefined) {
    throw new InvalidArgumentError('it must be name=folder');
  }
  return { ...before, [name]: folder };
}

export interface Assignment {
  readonly path: string;
  readonly value: string;
}

/** `path=value`, or several separated by commas; repeatable. */
export function assignments(
  text: string,
  before: readonly (readonly Assignment[])[] = [],
): readonly (readonly Assignment[])[] {
  const parts = text.split(/,(?=[A-Za-z][\w.[\]]*=)/);
  return [...before, parts.map(assignment)];
}

function assignment(text: string): Assignment {
  const [, path, value] = /^([A-Za-z][\w.[\]]*)=(.*)$/s.exec(text) ?? [];
  if (path === undefined || value === undefined) {
    throw new InvalidArgumentError('it must be path=value, such as training.maxSteps=100');
  }
  return { path, value };
}

/** Bytes in the notation of Kubernetes. */
export function byteQuantity(text: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?$/.exec(text) ?? [];
  const bytes = Number(digits) * (factors[unit] ?? 1);
  if (digits !== undefined && Number.isSafeInteger(Math.round(bytes)) && bytes >= 1) {
    return Math.round(bytes);
  }
  throw new InvalidArgumentError('it must be an amount of memory such as 24Gi');
}

const factors: Readonly<Record<string, number>> = {
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
};

export type OutputFormat = 'text' | 'json';

export function withJson(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how the answer is printed')
      .choices(['text', 'json'])
      .default('text'),
  );
}

export const displays = ['auto', 'tty', 'plain', 'json', 'quiet'] as const;
type Display = (typeof displays)[number];
export const glyphSets = ['auto', 'braille', 'block', 'ascii'] as const;
type Glyphs = (typeof glyphSets)[number];
export const themes = ['terminal', 'dark', 'light'] as const;
export type Theme = (typeof themes)[number];

export interface DisplayFlags {
  readonly display?: Display;
  readonly glyphs?: Glyphs;
  readonly theme?: Theme;
  readonly color: boolean;
  readonly accessible?: boolean;
  readonly motion?: boolean;
}

export function withDisplay(command: Command): Command {
  const display = new Option('--display <how>', 'live screen, lines, JSON lines, or only the end');
  withColors(command.addOption(display.choices([...displays])));
  return withMotion(command).option('--accessible', 'sentences instead of a screen');
}

export function withMotion(command: Command): Command {
  return command.option('--no-motion', 'no bars that fill, and no clock that ticks');
}

/** Colours and characters, for commands that print lines. */
export function withColors(command: Command): Command {
  return command
    .addOption(new Option('--glyphs <set>', 'characters of plots and bars').choices([...glyphSets]))
    .addOption(
      new Option('--theme <colours>', "the terminal's own, or for a dark or light ground").choices([
        ...themes,
      ]),
    )
    .option('--no-color', 'no colours');
}

/** Flags of every command: more detail of errors. */
export function withVerbosity(command: Command): Command {
  return command
    .helpOption('-h, --help', 'print this help')
    .option('-v, --verbose', 'tell the causes of an error')
    .option('--debug', 'tell where in the program an error arose');
}
