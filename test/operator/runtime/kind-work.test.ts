import test from 'ava';
import { KindWork } from '../../../operator/runtime/kind-work.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { eventually } from '../../doubles/eventually.ts';

test('whoever leads looks at all keys, and at those that change, and tells of each', async (t) => {
  const told: string[] = [];
  const work = new KindWork(
    'things',
    { clock: new FakeClock(), random: () => 0 },
    {
      begins: (of) => void told.push(`begins ${of}`),
      queueAdd: (of) => void told.push(`adds ${of}`),
      reconcile: ({ key, result }, of) => void told.push(`${of} ${key} ${result}`),
    },
  );
  const leading = new AbortController();
  const seen: string[] = [];
  const leads = work.lead(
    ['team/a'],
    {
      workers: 1,
      reconcile: async (key) => {
        seen.push(key);
        return {};
      },
    },
    leading.signal,
  );
  await eventually('the first is seen', () => seen.length === 1);
  work.add('team/b');
  await eventually('the second is told', () => told.includes('things team/b success'));
  leading.abort();
  await leads;
  t.deepEqual(seen, ['team/a', 'team/b']);
  t.deepEqual(told, [
    ...['begins things', 'adds things', 'things team/a success'],
    ...['adds things', 'things team/b success'],
  ]);
});
