import test from 'ava';
import { Command } from 'commander';
import { usageError } from '../../cli/usage-error.ts';

const program = new Command('anneal');
program.command('run');

test('what commander says in a way we do not know is passed on without its prefix', (t) => {
  const error = { code: 'commander.somethingNew', message: 'error: stars are wrong\nmore' };
  t.deepEqual(usageError(error, ['run'], program), {
    message: 'stars are wrong',
    hint: 'anneal run --help',
  });
});

test('one of several suggestions is a question as well', (t) => {
  const message = "error: unknown option '--stap'\n(Did you mean one of --step, --stop?)";
  const { hint } = usageError({ code: 'commander.unknownOption', message }, ['run'], program);
  t.is(hint, 'did you mean --step, --stop?');
});

test('a long or strange word is quoted and cut', (t) => {
  const message = `error: unknown command '${'a b'.repeat(100)}'`;
  const said = usageError({ code: 'commander.unknownCommand', message }, [], program).message;
  t.true(said.startsWith('"a b') && said.length < 120);
});
