// Completes a command line from the table of commands. The caller looks up names of jobs, fields
// and metrics, and only where one is expected: completing a flag loads nothing.
import type { Command, Option } from 'commander';

export interface Suggestion {
  readonly value: string;
  readonly about?: string;
}

interface Suggestions {
  readonly list: readonly Suggestion[];
  /** Complete with file names, by the shell itself. */
  readonly files: boolean;
  /** No space after the completion, as in `path=`. */
  readonly noSpace?: boolean;
}

/** What a position on the line expects. */
export type Lookup = (
  what: 'job' | 'metric' | 'field' | 'explain',
) => Promise<readonly Suggestion[]>;

const nothing: Suggestions = { list: [], files: false };

/** The last word is being typed; it may be empty. */
export async function suggest(
  program: Command,
  words: readonly string[],
  lookup: Lookup,
): Promise<Suggestions> {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const name = before.find((word) => !word.startsWith('-'));
  if (name === undefined) return matching(commandsOf(program), typed);
  const command = program.commands.find(
    (one) => one.name() === name || one.aliases().includes(name),
  );
  if (command === undefined) return nothing;
  const options = [...command.options, ...helpOf(command)];
  const [, flag, part] = /^(--[\w-]+)=(.*)$/.exec(typed) ?? [];
  if (flag !== undefined) {
    const found = await valuesOf(optionOf(options, flag), lookup, part ?? '');
    return { ...found, list: found.list.map((one) => ({ ...one, value: `${flag}=${one.value}` })) };
  }
  const last = optionOf(options, before.at(-1) ?? '');
  if (last !== undefined && (last.required || last.optional)) {
    return valuesOf(last, lookup, typed);
  }
  if (typed.startsWith('-')) {
    const flags = options.map(({ long, short, description }) => ({
      value: long ?? short ?? '',
      about: description,
    }));
    return matching(flags, typed);
  }
  const at = before.slice(before.indexOf(name) + 1);
  return positional(command, countWords(at, options), typed, lookup);
}

function commandsOf(program: Command): readonly Suggestion[] {
  return program.commands
    .filter((command) => command.name() !== 'complete')
    .map((command) => ({ value: command.name(), about: command.summary() }));
}

function helpOf(command: Command): readonly Option[] {
  const help = command.createHelp().visibleOptions(command);
  return help.filter(({ long }) => long === '--help');
}

function optionOf(options: readonly Option[], word: string): Option | undefined {
  return options.find(({ long, short }) => word !== '' && (long === word || short === word));
}

/** Words that are neither flags nor their values. */
function countWords(words: readonly string[], options: readonly Option[]): number {
  let count = 0;
  for (const [index, word] of words.entries()) {
    const before = optionOf(options, words[index - 1] ?? '');
    const isValue = before?.required === true && !words[index - 1]?.includes('=');
    if (!word.startsWith('-') && !isValue) count += 1;
  }
  return count;
}

async function positional(
  command: Command,
  index: number,
  typed: string,
  lookup: Lookup,
): Promise<Suggestions> {
  const all = command.registeredArguments;
  const argument = all[index] ?? (all.at(-1)?.variadic === true ? all.at(-1) : undefined);
  if (argument === undefined) return nothing;
  if (argument.argChoices !== undefined) {
    return matching(
      argument.argChoices.map((value) => ({ value })),
      typed,
    );
  }
  switch (argument.name()) {
    case 'file':
    case 'files':
      return { list: [], files: true };
    case 'metrics':
      return matching(await lookup('metric'), typed);
    case 'name':
    case 'names':
      return matching(await lookup(command.name() === 'explain' ? 'explain' : 'job'), typed);
    default:
      return nothing;
  }
}

const fieldFlags = ['--set', '--what-if'];

async function valuesOf(
  option: Option | undefined,
  lookup: Lookup,
  typed: string,
): Promise<Suggestions> {
  if (option?.argChoices !== undefined) {
    return matching(
      option.argChoices.map((value) => ({ value })),
      typed,
    );
  }
  if (option?.long !== undefined && fieldFlags.includes(option.long) && !typed.includes('=')) {
    const fields = (await lookup('field')).map((one) => ({ ...one, value: `${one.value}=` }));
    return { ...matching(fields, typed), noSpace: true };
  }
  return { list: [], files: option?.flags.includes('<file>') === true };
}

function matching(list: readonly Suggestion[], typed: string): Suggestions {
  return { list: list.filter(({ value }) => value.startsWith(typed)), files: false };
}

/** As Cobra prints it, which kubectl and the scripts of four shells read. */
export function suggestionsText({ list, files, noSpace = false }: Suggestions): string {
  const lines = list.map(({ value, about }) => (about ? `${value}\t${about}` : value));
  const directive = (files ? 0 : 4) + (noSpace ? 2 : 0);
  return [...lines, `:${directive}`, ''].join('\n');
}
