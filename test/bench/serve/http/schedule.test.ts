import test from 'ava';
import { scheduled } from './schedule.ts';

const wanted = { requests: 4000, adapters: 64, rate: 5, seed: 1 };

test('the same seed gives the same schedule, and times do not depend on the adapters', (t) => {
  t.deepEqual(scheduled(wanted), scheduled(wanted));
  const times = (all: ReturnType<typeof scheduled>) => all.map(({ at }) => at);
  t.deepEqual(times(scheduled({ ...wanted, adapters: 4 })), times(scheduled(wanted)));
  t.notDeepEqual(times(scheduled({ ...wanted, seed: 2 })), times(scheduled(wanted)));
});

test('gaps are exponential, and each adapter is as likely', (t) => {
  const all = scheduled(wanted);
  const gaps = all.map(({ at }, i) => at - (all[i - 1]?.at ?? 0));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  // Its deviation is 0.2 / sqrt(4000): six of them.
  t.true(Math.abs(mean - 0.2) < 0.019, `mean ${mean}`);
  // As many are longer than the mean as e says: 1471.5 of 4000, with a deviation of 30.5.
  const longer = gaps.filter((gap) => gap > 0.2).length;
  t.true(Math.abs(longer - 1471.5) < 183, `${longer} are longer`);
  const counts = new Map<number, number>();
  for (const { adapter } of all) counts.set(adapter, (counts.get(adapter) ?? 0) + 1);
  t.is(counts.size, 64);
  t.true([...counts.values()].every((count) => count > 15 && count < 110));
});

test('at the rate 0 all come at once', (t) => {
  t.true(scheduled({ ...wanted, rate: 0 }).every(({ at }) => at === 0));
});
