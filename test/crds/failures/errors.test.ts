import test from 'ava';
import {
  Bug,
  invariant,
  TerminalError,
  TransientError,
  toAnnealError,
  UserError,
} from '../../../crds/failures/errors.ts';
import { failureOf, failures } from '../../../crds/failures/table.ts';

test('an error carries its code, its name and a hint from the table', (t) => {
  const error = new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message: 'x is not there',
    path: 'spec.model',
  });
  t.like(error, { code: 'E_SOURCE_NOT_FOUND', name: 'UserError', path: 'spec.model' });
  t.is(error.hint, failureOf('E_SOURCE_NOT_FOUND').remedy);
});

test('a hint of its own replaces that of the table', (t) => {
  t.is(new TerminalError({ code: 'E_NO_SPACE', message: 'm', hint: 'h' }).hint, 'h');
});

test('the cause is kept', (t) => {
  const cause = new Error('socket');
  t.is(
    new TransientError({ code: 'E_UNREACHABLE', message: 'm', cause, retryAfterMs: 5 }).cause,
    cause,
  );
  t.false('cause' in new TransientError({ code: 'E_UNREACHABLE', message: 'm' }));
});

test('a broken invariant is a bug with its sentence', (t) => {
  const error = t.throws(() => invariant(1 > 2, 'one is above two'), { instanceOf: Bug });
  t.is(error.code, 'E_INTERNAL');
  t.notThrows(() => invariant(true, ''));
});

test('foreign errors become bugs and ours stay what they are', (t) => {
  const ours = new UserError({ code: 'E_USAGE', message: 'm' });
  t.is(toAnnealError(ours), ours);
  const foreign = new TypeError('x is undefined');
  const bug = toAnnealError(foreign);
  t.true(bug instanceof Bug && bug.cause === foreign && bug.message === foreign.message);
  t.is(toAnnealError('text').message, 'text');
});

test('the classes of the table are the classes that exist', (t) => {
  const names = [UserError, TerminalError, TransientError, Bug].map(({ name }) => name);
  for (const row of Object.values(failures)) t.true(names.includes(row.class));
});
