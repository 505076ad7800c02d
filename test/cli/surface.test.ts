// The surface that scripts rely on: commands, flags, exit codes, fields of JSON. A change of this
// snapshot is a change for everybody who calls the program; fields and flags are added, never
// renamed.
import test from 'ava';
import { createProgram, run } from '../../cli/program.ts';
import { failureOf, failures, isFailureCode } from '../../crds/failures/table.ts';
import { storedRun } from '../builders/stored-run.ts';
import { temporaryFolder } from '../doubles/temporary-folder.ts';

test('commands and flags', (t) => {
  const program = createProgram({ variables: {}, out: () => {}, err: () => {} }, async () => {});
  const surface = program.commands.map((command) => {
    const words = command.registeredArguments.map((argument) => {
      const dots = argument.variadic ? '...' : '';
      return argument.required ? `<${argument.name()}${dots}>` : `[${argument.name()}${dots}]`;
    });
    const flags = command.options.map((option) => {
      const choices = option.argChoices === undefined ? '' : ` (${option.argChoices.join('|')})`;
      return `  ${option.flags}${choices}`;
    });
    const names = [command.name(), ...command.aliases()].join('|');
    return [[names, ...words].join(' '), ...flags].join('\n');
  });
  t.snapshot(surface.join('\n'));
});

test('exit codes', (t) => {
  const byCode = new Map<number, string[]>();
  for (const code of Object.keys(failures).filter(isFailureCode)) {
    const { cliExit } = failureOf(code);
    byCode.set(cliExit, [...(byCode.get(cliExit) ?? []), code]);
  }
  const lines = [...byCode]
    .sort(([a], [b]) => a - b)
    .map(([exit, codes]) => `${exit} ${codes.join(' ')}`);
  t.snapshot(lines.join('\n'));
});

test('fields of JSON', async (t) => {
  await using cache = await temporaryFolder();
  await storedRun(cache.path, { number: 1 });
  await storedRun(cache.path, { number: 2 });
  const lines: string[] = [];
  for (const words of [
    ['list', '-o', 'json'],
    ['describe', 'first', '-o', 'json'],
    ['why', 'first', '-o', 'json'],
    ['metrics', 'first', '-o', 'json'],
    ['compare', 'first/1', 'first/2', '-o', 'json'],
    ['checkpoints', 'first', '-o', 'json'],
    ['logs', 'first', '--tail', '1', '-o', 'json'],
  ]) {
    let out = '';
    await run(['node', 'anneal', ...words, '--local'], {
      variables: { ANNEAL_CACHE: cache.path },
      out: (text) => {
        out += text;
      },
      err: () => {},
    });
    lines.push(words[0]!, ...pathsOf(JSON.parse(out), '  '));
  }
  t.snapshot(lines.join('\n'));
});

/** Of the first item of each list: the others have the same. */
function pathsOf(value: unknown, path: string): readonly string[] {
  if (Array.isArray(value))
    return value.length === 0 ? [`${path}[]`] : pathsOf(value[0], `${path}[]`);
  if (typeof value !== 'object' || value === null)
    return [`${path} ${value === null ? 'null' : typeof value}`];
  return Object.entries(value).flatMap(([key, child]) =>
    pathsOf(child, path.trim() === '' ? `  ${key}` : `${path}.${key}`),
  );
}
