import test from 'ava';
import { Visits } from '../../../operator/bus-auth/visits.ts';

const count = (visit: () => boolean) => Array.from({ length: 1_000 }, visit).filter(Boolean).length;

test('a pod may come back a few times at once and then now and then; people more often; the operator always', (t) => {
  const visits = new Visits();
  t.is(
    count(() => visits.user('a', 'Job', 0)),
    20,
  );
  t.is(
    count(() => visits.user('a', 'Job', 60_000)),
    3,
  );
  t.is(
    count(() => visits.user('b', 'Job', 0)),
    20,
    'each for itself',
  );
  t.true(count(() => visits.user('v', 'Viewer', 0)) > 100);
  t.is(
    count(() => visits.user('operator', 'Operator', 0)),
    1_000,
  );
  t.true(count(() => visits.host('10.0.0.1', 0)) < 1_000);
});
