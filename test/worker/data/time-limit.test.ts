import test from 'ava';
import { TookTooLong, withinTime } from '../../../worker/data/time-limit.ts';

test('What ends in time is given back, and what it throws is thrown', (t) => {
  t.is(
    withinTime(60_000, () => 5),
    5,
  );
  t.is(
    withinTime(60_000, () => undefined),
    undefined,
  );
  const error = new RangeError('no');
  const thrown = t.throws(() =>
    withinTime(60_000, () => {
      throw error;
    }),
  );
  t.is(thrown, error);
});

test('A pattern that backtracks for ever and a loop without an end are stopped', (t) => {
  const backtracks = () => /^(?:\p{L}+)+$/u.test(`${'a'.repeat(60)}!`);
  t.throws(() => withinTime(20, backtracks), { instanceOf: TookTooLong });
  const loops = () => {
    for (let n = 0; ; n += 1) if (n < 0) return n;
  };
  t.throws(() => withinTime(20, loops), {
    instanceOf: TookTooLong,
    message: 'it did not end within 0.02 s',
  });
  t.is(
    withinTime(60_000, () => 'the thread works on'),
    'the thread works on',
  );
});

test('One limit may stand inside of another', (t) => {
  t.is(
    withinTime(60_000, () => withinTime(60_000, () => 1) + 1),
    2,
  );
});
