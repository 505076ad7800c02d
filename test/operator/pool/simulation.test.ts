// A pool and its jobs in a simulated cluster: whatever happens in whatever order, one pod trains at
// a time, nothing of somebody else is touched, and each job comes to an end that the books know of.
// The same schedules are drawn at every run; `npm run simulate -- --of pool` draws many others.
import test from 'ava';
import fc from 'fast-check';
import { label } from '../../../crds/names/labels.ts';
import { holdsInAll } from '../../doubles/simulation/draws.ts';
import { happenToPool, newPoolRun, poolEnds } from '../../doubles/simulation/pool/ends.ts';
import {
  type PoolEvent,
  type PoolGiven,
  poolGiven,
  poolSchedule,
} from '../../doubles/simulation/pool/events.ts';
import { jobAt, list, pool, poolJob } from '../../doubles/simulation/pool/world.ts';
import { policiesAt } from '../../doubles/simulation/world.ts';

/** Five in a second. */
const schedules = 40;
const usual: PoolGiven = {
  hasBus: false,
  lag: 0,
  fits: 8,
  places: 8,
  steps: 20,
  squatter: undefined,
};
const turn = (seconds: number) => ({ type: 'turn', leader: 1, seconds }) as PoolEvent;
const turns = (count: number): readonly PoolEvent[] =>
  Array.from({ length: count }, () => ({ type: 'turn', leader: 0, seconds: 1 }));
const create: PoolEvent = { type: 'create', name: 'one' };
/** A job that trains in a pod. */
const trains: readonly PoolEvent[] = [create, ...turns(10)];

async function after(given: PoolGiven, ...events: readonly PoolEvent[]) {
  const run = newPoolRun(given);
  for (const each of events) {
    await happenToPool(run, each);
    run.account.holds();
  }
  return run;
}

const running = ({ world }: Awaited<ReturnType<typeof after>>) => world.cluster.running.length;

test(`in ${schedules} schedules nothing is lost, and each job comes to its end`, async (t) => {
  t.timeout(60_000 + 2000 * schedules);
  const ends = new Map<string, number>();
  const property = fc.asyncProperty(poolSchedule, poolGiven, async (events, given) => {
    for (const end of await poolEnds(events, given)) ends.set(end, (ends.get(end) ?? 0) + 1);
  });
  await holdsInAll(property, { numRuns: schedules, seed: 11 });
  for (const [end, count] of ends) t.log(`${count} jobs ended as ${end}`);
  t.true((ends.get('Succeeded') ?? 0) > schedules, 'schedules that only end jobs prove nothing');
  t.true((ends.get('Diverged') ?? 0) > 0);
});

test('undisturbed jobs succeed in one pod, and nothing is left of them', async (t) => {
  const create2: PoolEvent = { type: 'create', name: 'two' };
  t.deepEqual(await poolEnds([create, create2, ...turns(5)], usual), ['Succeeded', 'Succeeded']);
});

for (const [what, ...events] of [
  ['whose Job somebody deletes', { type: 'delete', what: 'Job' }],
  ['that is removed and made again', { type: 'removePool' }, { type: 'createPool' }],
] as const satisfies readonly (readonly [string, ...PoolEvent[]])[]) {
  test(`a pool ${what} has no second pod while the first saves`, async (t) => {
    const run = await after(usual, ...trains, ...events, ...turns(3));
    t.is(running(run), 1);
    t.regex(
      run.world.pool?.status.conditions?.find(({ type }) => type === 'Ready')?.message ?? '',
      /^pod smol-pool-.* was made before and has yet to end$/,
    );
    for (const each of turns(12)) {
      await happenToPool(run, each);
      run.account.holds();
    }
    t.is(running(run), 1, 'and then it has the next one');
    t.deepEqual(
      run.world.pool?.status.conditions?.find(({ type }) => type === 'Ready')?.status,
      'True',
    );
  });
}

for (const [what, event] of [
  ['does not answer', { type: 'mute', is: true }],
  ['is being replaced', { type: 'editPool', jobs: 2 }],
] as const satisfies readonly (readonly [string, PoolEvent])[]) {
  test(`a job is not told to be suspended while the pod that has it ${what}`, async (t) => {
    const suspend: PoolEvent = { type: 'suspend', name: 'one', is: true };
    const run = await after(usual, ...trains, event, suspend, ...turns(2));
    const [job] = run.world.jobs;
    t.is(job?.status.phase, 'Suspending');
    t.is(run.world.pool?.status.jobs?.[0]?.state, 'Leaving');
    for (const each of turns(10)) {
      await happenToPool(run, each);
      run.account.holds();
    }
    t.is(run.world.jobs[0]?.status.phase, 'Suspended');
  });
}

test('a job is not told to be suspended while its pod may yet get a list with it', async (t) => {
  const given = { ...usual, lag: 20, steps: 120 };
  const run = await after(given, ...trains, { type: 'create', name: 'two' }, ...turns(9));
  const phases = async (seconds: number, suspended: boolean) => {
    await happenToPool(run, { type: 'suspend', name: 'two', is: suspended });
    const found = new Set<string | undefined>();
    for (const each of turns(seconds)) {
      await happenToPool(run, each);
      found.add(run.world.jobs.find(({ metadata }) => metadata.name === 'two')?.status.phase);
    }
    return [...found];
  };
  const states = run.world.pool?.status.jobs?.map(({ state }) => state);
  t.deepEqual(states, ['Training', 'Attaching'], 'its list is on the way');
  t.deepEqual(await phases(30, true), ['Suspending', 'Suspended']);
  // Paused again when the pod has seen the pause before.
  t.true((await phases(4, false)).includes('Starting'));
  t.deepEqual(await phases(30, true), ['Suspending', 'Suspended']);
});

test('a job is on the list of no pod that begins once its pool lets it go', async (t) => {
  const lost: PoolEvent = {
    ...{ type: 'reconcile', leader: 1, of: 'smol', sees: 999 },
    faults: ['AnswerIsLost', 'FailsBefore'],
  };
  const waits: readonly PoolEvent[] = [create, ...[3, 8, 3].map(turn)];
  const suspend: PoolEvent = { type: 'suspend', name: 'one', is: true };
  const run = await after(usual, ...waits, suspend, lost);
  t.is(run.world.pool?.status.jobs?.[0]?.state, 'Attaching', 'until the list is written');
  const look: PoolEvent = { type: 'reconcile', leader: 1, of: 'one', sees: 999, faults: [] };
  for (const each of [look, ...turns(4)]) await happenToPool(run, each);
  t.is(run.world.jobs[0]?.status.phase, 'Suspended');
});

test('one that leads no longer and does not know brings back no list of before', async (t) => {
  const late = (sees: 0 | 999): PoolEvent => {
    return { type: 'reconcile', leader: 1, of: 'smol', sees, faults: [] };
  };
  const two: PoolEvent = { type: 'create', name: 'two' };
  const run = await after({ ...usual, lag: 20, steps: 200 }, ...trains, two, ...turns(9));
  await happenToPool(run, late(999));
  const states = run.world.pool?.status.jobs?.map(({ state }) => state);
  t.deepEqual(states, ['Training', 'Attaching'], 'as the other one has seen it');
  await happenToPool(run, { type: 'suspend', name: 'two', is: true });
  for (const each of turns(45)) await happenToPool(run, each);
  t.is(run.world.jobs[1]?.status.phase, 'Suspended');
  const { version } = run.world.objects;
  await happenToPool(run, late(0));
  t.is(run.world.objects.version, version, 'it has read that the pool is another one by now');
  await happenToPool(run, { type: 'pass', seconds: 40 });
});

test('one that leads no longer, whose cache has a job as it was, does not list it again', async (t) => {
  const create = (name: 'one' | 'three'): PoolEvent => ({ type: 'create', name });
  const run = await after(
    { ...usual, lag: 10, fits: 8, places: 2, steps: 9 },
    ...[create('one'), ...turns(3), create('three'), { type: 'pass', seconds: 1 } as const],
    ...[{ type: 'turn', leader: 1, seconds: 3 } as const],
  );
  await happenToPool(run, { type: 'suspend', name: 'one', is: true });
  await happenToPool(run, { type: 'turn', leader: 0, seconds: 1 });
  // It has heard of the pool as it is, and not yet of the job.
  await happenToPool(run, { type: 'reconcile', of: 'smol', leader: 1, sees: 2, faults: [] });
  await happenToPool(run, { type: 'pass', seconds: 40 });
  t.is(run.world.jobs[0]?.status.phase, 'Suspended');
});

test('checks that could not fail would prove nothing: each is seen failing', async (t) => {
  const broken = async (
    message: RegExp,
    breaks: (run: Awaited<ReturnType<typeof after>>, uid: string) => void,
  ) => {
    const run = await after(usual, ...trains);
    const [job] = run.world.jobs;
    breaks(run, job?.metadata.uid ?? '');
    t.throws(() => run.account.holds(), { message });
  };
  const condition = (type: string, reason: string) => ({
    type,
    status: 'True',
    reason,
    message: '',
  });
  const tell = (conditions: readonly object[], more: object = {}) => ({
    status: { conditions, ...more },
  });
  await broken(/is told to be suspended while/, ({ world }) =>
    world.objects.mergePatch(jobAt('one'), tell([condition('Suspended', 'SuspendedByUser')])),
  );
  await broken(/succeeded that was never trained/, ({ world }) =>
    world.objects.mergePatch(jobAt('one'), tell([condition('Complete', 'Finished')])),
  );
  await broken(/failed of Diverged/, ({ world }) =>
    world.objects.mergePatch(
      jobAt('one'),
      tell([condition('Failed', 'Diverged')], { failure: { reason: 'Diverged' } }),
    ),
  );
  await broken(/is told of twice/, ({ world }, uid) => {
    const one = { name: 'one', uid, state: 'Training' };
    world.objects.mergePatch(pool, { status: { jobs: [one, one] } });
  });
  await broken(/told to be trained, and is not/, ({ world }, uid) =>
    world.objects.mergePatch(pool, { status: { jobs: [{ name: 'one', uid, state: 'Trained' }] } }),
  );
  await broken(/told to have failed, and has not/, ({ world }, uid) =>
    world.objects.mergePatch(pool, { status: { jobs: [{ name: 'one', uid, state: 'Failed' }] } }),
  );
  const wrote = (path: string, body: object) => (run: Awaited<ReturnType<typeof after>>) =>
    run.world.transport.writes.push({ verb: 'POST', path, body });
  await broken(/a Secret was written/, wrote('/api/v1/namespaces/team/secrets', {}));
  const spec = { hostNetwork: true, containers: [] };
  await broken(/restricted profile.*hostNetwork/, wrote('/x', { spec: { template: { spec } } }));
  await broken(/prepared or published while/, ({ world }, uid) => {
    const labels = { [label.jobUid]: uid };
    world.objects.create(
      { collection: 'api/v1/pods', namespace: 'team' },
      { metadata: { name: 'publishes', labels }, status: { phase: 'Running' } },
    );
  });
  const two = await after(usual, ...trains);
  const [pod] = two.world.objects
    .all('api/v1/pods')
    .filter(({ metadata }) => (metadata as { name: string }).name.startsWith(poolJob.name));
  const metadata = { ...(pod?.['metadata'] as object), name: 'another', ownerReferences: [] };
  two.world.objects.create({ collection: 'api/v1/pods', namespace: 'team' }, { ...pod, metadata });
  await t.throwsAsync(two.world.pass(1), { message: /^2 pods of the pool run at once$/ });
  for (const [kind, place] of [
    ['Job', poolJob],
    ['ConfigMap', list],
    ['NetworkPolicy', { ...poolJob, collection: policiesAt }],
  ] as const) {
    const run = await after({ ...usual, squatter: kind }, ...trains);
    run.world.objects.mergePatch(place, { data: { note: 'ours' } });
    t.throws(() => run.account.holds(), { message: /of somebody else changed/ }, kind);
  }
  const left = await after(usual, ...trains);
  t.throws(() => left.account.nothingIsLeft(), { message: /smol-pool.* is left$/ });
});
