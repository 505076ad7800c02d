// Pools as they are stored, whatever that is.
import test from 'ava';
import { modelOf } from '../../../cli/jobs/job.ts';
import { packedOf, placesOf, poolState } from '../../../cli/jobs/pool-state.ts';
import { readPool } from '../../../cli/jobs/pools.ts';
import { aToldPool, oneOfEachPoolState } from '../../builders/told-pool.ts';

const states: Readonly<Record<string, string>> = { mixed: 'Running', full: 'Running' };

test('what the operator writes is read whole, and each state has its word', (t) => {
  for (const object of oneOfEachPoolState().slice(0, -1)) {
    const pool = readPool(object);
    t.is(pool.unread, undefined, pool.name);
    t.is(poolState(pool).toLowerCase(), (states[pool.name] ?? pool.name).toLowerCase());
  }
});

test('its jobs are counted by what they do', (t) => {
  const [running, mixed, full, idle] = oneOfEachPoolState().map(readPool).map(packedOf);
  t.deepEqual(running, { training: 2, waiting: 0, failed: 0, total: 2 });
  t.deepEqual(mixed, { training: 1, waiting: 2, failed: 1, total: 5 });
  t.deepEqual(full, { training: 2, waiting: 10, failed: 0, total: 12 });
  t.deepEqual(idle, { training: 0, waiting: 0, failed: 0, total: 0 });
});

test('a status that cannot be read leaves what can, and says which value it is', (t) => {
  const { status } = aToldPool('smol');
  const pool = readPool({ ...aToldPool('smol'), status: { ...status, jobs: [{ name: 1 }] } });
  t.is(poolState(pool), 'Running');
  t.is(packedOf(pool)?.total, 0);
  t.regex(pool.unread?.message ?? '', /^status\.jobs\[0\]\./);
});

test('values of a spec that cannot be read are not those of another pool', (t) => {
  const pool = readPool({ ...aToldPool('smol'), spec: { jobs: 'all', model: 7 } });
  t.is(modelOf(pool), '?');
  t.is(placesOf(pool), undefined);
  t.truthy(pool.unread);
});

test('whatever is stored has a name, and a state that does not pretend', (t) => {
  const odd: readonly object[] = [
    {},
    { metadata: { name: 'smol' }, spec: 'none', status: [] },
    { metadata: { name: 'smol' }, spec: null, status: null },
    { metadata: { name: 'smol' }, status: { conditions: [null, 1, { type: 'Ready' }] } },
  ];
  const pools = odd.map(readPool);
  t.deepEqual(pools.map(poolState), ['Pending', 'Unreadable', 'Pending', 'Unreadable']);
  for (const pool of pools) t.is(typeof pool.name, 'string');
});
