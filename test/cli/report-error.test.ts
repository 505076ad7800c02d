import test from 'ava';
import { reportError } from '../../cli/report-error.ts';
import { TerminalError, UserError } from '../../crds/failures/errors.ts';

function told(thrown: unknown, how: { verbose?: boolean; debug?: boolean } = {}) {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const code = reportError(thrown, { write, verbose: false, debug: false, ...how });
  return { code, lines };
}

const cause = new Error('connection refused', { cause: new Error('no route') });
const error = new TerminalError({
  code: 'E_UNREACHABLE',
  message: 'the hub is away',
  hint: 'wait',
  cause,
});

test('an error is its sentence and its hint, with the exit code of the table', (t) => {
  t.deepEqual(told(error), { code: 5, lines: ['the hub is away', 'hint: wait'] });
});

test('-v tells the causes, --debug the stack', (t) => {
  t.deepEqual(told(error, { verbose: true }).lines.slice(2), [
    'because: connection refused',
    'because: no route',
  ]);
  t.regex(
    told(error, { debug: true }).lines.join('\n'),
    /report-error\.test\.ts[\s\S]*caused by Error: no route/,
  );
});

test('a list of problems brings its own hints', (t) => {
  const list = new UserError({ code: 'E_INVALID_SPEC', message: 'a:1:1  x\n  hint: y\na:2:1  z' });
  t.deepEqual(told(list), { code: 2, lines: [list.message] });
});

test('anything else that is thrown is a bug of ours, told without its stack', (t) => {
  const { code, lines } = told(new RangeError('index 7'));
  t.is(code, 1);
  t.deepEqual(lines, ['index 7', 'hint: report it, with what --debug prints']);
});
