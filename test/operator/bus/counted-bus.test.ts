import test from 'ava';
import { countedBus } from '../../../operator/bus/counted-bus.ts';
import { type JobBus, noBus } from '../../../operator/bus/job-bus.ts';

const job = { namespace: 'team-a', uid: 'u1' };
const never = new AbortController().signal;

function fixture(inner: Partial<JobBus>) {
  const seen: string[] = [];
  const bus = countedBus({ ...noBus, ...inner }, ({ operation, result }) =>
    seen.push(`${operation} ${result}`),
  );
  return { bus, seen };
}

test('writes are counted by operation and result, and give the answer that they had', async (t) => {
  const { bus, seen } = fixture({ purge: () => Promise.reject(new Error('no space')) });
  await bus.writeDesired(job, { v: 1 } as never, never);
  await bus.initState(job, {} as never, never);
  await bus.openRound(job, {} as never, never);
  await t.throwsAsync(bus.purge(job, never), { message: 'no space' });
  t.deepEqual(seen, ['desired success', 'state success', 'round success', 'purge error']);
});

test('a write that fails while there is no connection is no fault of the storage', async (t) => {
  const away = { type: 'Away', since: 0 } as const;
  const purge = () => Promise.reject(new Error('away'));
  const { bus, seen } = fixture({ facts: () => away, purge });
  await t.throwsAsync(bus.purge(job, never));
  t.deepEqual(seen, ['purge away']);
});

test('a write that was given up is not counted', async (t) => {
  const { bus, seen } = fixture({ purge: (_, signal) => Promise.reject(signal.reason) });
  await t.throwsAsync(bus.purge(job, AbortSignal.abort(new Error('stop'))));
  t.deepEqual(seen, []);
});
