// Error sentences for invalid command lines, from commander's messages: thing, value, rule, hint.
import type { Command, CommanderError } from 'commander';

interface UsageError {
  readonly message: string;
  readonly hint: string;
}

export function usageError(
  error: Pick<CommanderError, 'code' | 'message'>,
  words: readonly string[],
  program: Pick<Command, 'commands'>,
): UsageError {
  const known = program.commands.map((command) => command.name());
  const command = words.find((word) => known.includes(word));
  const where = command === undefined ? 'anneal' : `anneal ${command}`;
  const help = `${where} --help`;
  const [, meant] = /\(Did you mean (?:one of )?([^?)]+)\?\)/.exec(error.message) ?? [];
  const [first = ''] = error.message.replace(/^error: /, '').split('\n');
  const quoted = [...first.matchAll(/'([^']*)'/g)].map(([, text = '']) => text);
  const [thing = '', value = ''] = quoted;
  const name = thing.split(/[ ,]/)[0] ?? '';
  switch (error.code) {
    case 'commander.unknownCommand':
      return {
        message: `${shown(thing)} is no command of anneal`,
        hint: meant === undefined ? 'anneal lists all commands' : `did you mean anneal ${meant}?`,
      };
    case 'commander.unknownOption':
      return {
        message: `${shown(thing)} is no option of ${where}`,
        hint: meant === undefined ? `${help} lists all options` : `did you mean ${meant}?`,
      };
    case 'commander.missingArgument':
      return { message: `${where} needs a ${thing.toUpperCase()}; none is given`, hint: help };
    case 'commander.optionMissingArgument':
      return { message: `${longName(thing)} has no value; it takes one: ${thing}`, hint: help };
    case 'commander.excessArguments':
      return {
        message: `${where} takes ${/Expected (\d+ arguments?)/.exec(first)?.[1] ?? 'fewer arguments'}; ${/got (\d+)/.exec(first)?.[1] ?? 'more'} are given`,
        hint: help,
      };
    case 'commander.invalidArgument': {
      const flag = first.startsWith('option') ? longName(thing) : name;
      return { message: `${flag} is ${shown(value)}; ${ruleOf(first)}`, hint: help };
    }
    default:
      return { message: first, hint: help };
  }
}

/** `-o, --output <format>` becomes `--output`. */
function longName(flags: string): string {
  return /--[\w-]+/.exec(flags)?.[0] ?? flags;
}

/** The rule after the value; commander's list of choices in our wording. */
function ruleOf(message: string): string {
  const rule = /is invalid\. (.*)$/.exec(message)?.[1] ?? 'it is not understood';
  const choices = /^Allowed choices are (.*)\.$/.exec(rule)?.[1];
  if (choices === undefined) return rule.replace(/\.$/, '');
  return `it must be ${choices.replace(/, ([^,]*)$/, ' or $1')}`;
}

/** As typed, sanitized for the terminal. */
function shown(text: string): string {
  return /^[\w./=:@+-]{1,80}$/.test(text) ? text : JSON.stringify(text.slice(0, 80));
}
