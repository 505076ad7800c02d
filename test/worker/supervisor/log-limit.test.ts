import test from 'ava';
import { logLimit } from '../../../worker/supervisor/log-limit.ts';

test('a flood of lines is cut, the next line says how many were left out, and errors still pass', (t) => {
  const limit = logLimit(0);
  let passed = 0;
  for (let i = 0; i < 1000; i += 1) if (limit.admit(false, 0) !== undefined) passed += 1;
  t.is(passed, 200);
  t.is(limit.admit(true, 0), 800);
  t.is(limit.admit(false, 0), undefined);
  t.is(limit.admit(false, 100), 1, 'two more a tenth of a second later');
  t.is(limit.admit(false, 100), 0);
  t.is(limit.admit(false, 100), undefined);
  t.is(limit.admit(false, 50), undefined, 'a clock that goes back gives nothing');
});
