import test from 'ava';
import { Credit } from '../../../operator/gateway/credit.ts';

test('what is used comes back with time, up to the burst, and a debt is paid first', (t) => {
  const credit = new Credit({ perSecond: 10, burst: 100 }, 0);
  t.is(credit.left(0), 100);
  credit.spend(150);
  t.is(credit.left(0), -50);
  t.is(credit.left(4_000), -10);
  t.is(credit.left(6_000), 10);
  t.is(credit.left(5_000), 10, 'a clock that goes back gives nothing');
  t.is(credit.left(100_000), 100);
});
