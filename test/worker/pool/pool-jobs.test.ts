import test from 'ava';
import { Exit, failureOf } from '../../../crds/failures/table.ts';
import type { PoolOrder } from '../../../crds/wire/packed.ts';
import type { ListedJob } from '../../../crds/wire/pool.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { type Begun, PoolJobs } from '../../../worker/pool/pool-jobs.ts';
import { listedJob } from '../../builders/pool.ts';

const [one, two, three] = [listedJob('one'), listedJob('two'), listedJob('three')];

function pool(most = 2, begin: (job: ListedJob) => Begun = ready) {
  const said: PoolOrder[] = [];
  const jobs = new PoolJobs({
    ...{ most, say: (order) => void said.push(order) },
    begin: async (job) => begin(job),
    endOf: async () => 'FinishedEarly',
    tell: () => {},
  });
  const states = () => Object.fromEntries(jobs.told.map(({ uid, state }) => [uid, state]));
  return { jobs, said, states };
}

function ready({ name }: ListedJob): Begun {
  return { type: 'Ready', folder: `/runs/${name}` };
}

const plan = { type: 'plan', time: 1 } as Telemetry;

test('jobs of the list are attached, as many as there are places, and let go when they leave it', async (t) => {
  const { jobs, said, states } = pool();
  await jobs.follow([one, two, three]);
  t.deepEqual(said.splice(0), [
    { attach: '/runs/one', run: 0 },
    { attach: '/runs/two', run: 1 },
  ]);
  await jobs.hear({ run: 0, message: plan });
  t.deepEqual(states(), { 'uid-of-one': 'Training', 'uid-of-two': 'Attaching' });
  await jobs.follow([two, three]);
  await jobs.follow([two, three]);
  t.deepEqual(said.splice(0), [{ detach: 0 }], 'once');
  t.is(states()['uid-of-one'], 'Leaving');
  await jobs.hear({ run: 0, exitCode: Exit.PlannedStop });
  t.is(states()['uid-of-one'], undefined);
  await jobs.follow([two, three]);
  t.deepEqual(said, [{ attach: '/runs/three', run: 0 }], 'its number is free');
});

test('one that is listed again while it leaves comes back when it has left', async (t) => {
  const { jobs, said } = pool();
  await jobs.follow([one]);
  await jobs.follow([]);
  await jobs.follow([one]);
  t.deepEqual(said, [{ attach: '/runs/one', run: 0 }, { detach: 0 }]);
  await jobs.hear({ run: 0, exitCode: Exit.PlannedStop });
  await jobs.follow([one]);
  t.deepEqual(said.at(-1), { attach: '/runs/one', run: 0 });
});

test('another plan is another run', async (t) => {
  const { jobs, said } = pool();
  await jobs.follow([one]);
  await jobs.follow([{ ...one, planDigest: 'another' }]);
  t.deepEqual(said.at(-1), { detach: 0 });
});

test('how one ends is told until nobody asks for it', async (t) => {
  const { jobs, states } = pool();
  await jobs.follow([one, two]);
  await jobs.hear({ run: 0, exitCode: Exit.Done });
  const [told] = jobs.told;
  t.like(told, { state: 'Trained', reason: 'FinishedEarly' });
  const { reason } = failureOf('E_DIVERGED');
  const failure = { type: 'failure', code: 'E_DIVERGED', reason, message: 'NaN', time: 1 } as const;
  await jobs.hear({ run: 1, message: failure });
  await jobs.hear({ run: 1, exitCode: failureOf('E_DIVERGED').workerExit });
  t.like(jobs.told[1], { state: 'Failed', code: 'E_DIVERGED', message: 'NaN' });
  await jobs.follow([one, two]);
  t.is(jobs.told.length, 2, 'it is not begun again');
  await jobs.follow([]);
  t.deepEqual(states(), {});
});

test('a job waits for memory, with what it waits for', async (t) => {
  const { jobs } = pool();
  await jobs.follow([one]);
  const message = {
    type: 'warning',
    reason: 'NoPoolCapacity',
    message: 'too large',
    time: 1,
  } as const;
  await jobs.hear({ run: 0, message });
  t.like(jobs.told[0], { state: 'Waiting', message: 'too large' });
  await jobs.hear({ run: 0, message: plan });
  t.like(jobs.told[0], { state: 'Training' });
  t.is(jobs.told[0]?.message, undefined);
});

test('one whose folder is of no use fails, and one that was trained is not trained again', async (t) => {
  const { jobs, said } = pool(2, ({ name }) =>
    name === 'one'
      ? { type: 'Failed', code: 'E_NOT_PREPARED', message: 'nothing is there' }
      : { type: 'Trained', reason: 'Finished' },
  );
  await jobs.follow([one, two]);
  t.deepEqual(said, []);
  t.like(jobs.told[0], { state: 'Failed', code: 'E_NOT_PREPARED' });
  t.like(jobs.told[1], { state: 'Trained', reason: 'Finished' });
});
