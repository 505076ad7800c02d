import test from 'ava';
import { preparingAlone } from '../../builders/job.ts';
import { metaOf } from '../../doubles/kube/objects.ts';
import { jobsAt, labelsOf } from '../../doubles/simulation/job-controller.ts';
import { World } from '../../doubles/simulation/world.ts';

const cpu = { 'worker.devicesPerWorker': 0 };

function aWorld(leaders = 1, changes = {}, bus = false): World {
  const world = new World({ leaders, bus });
  world.apply({ ...cpu, ...changes });
  world.script = (pod) =>
    labelsOf(pod)['anneal.dev/component'] === 'worker' ? undefined : { exit: 0 };
  return world;
}

const creations = (world: World, since = 0) =>
  world.transport.writes
    .slice(since)
    .filter(({ verb, path }) => verb === 'POST' && path.includes('/jobs'));

test('the first looks at a job write its status and our finalizer, and no request is refused', async (t) => {
  // What is left on a bus is nobody's to collect but ours.
  const world = aWorld(1, {}, true);
  for (let round = 0; round < 3; round++) {
    world.deliver(0);
    t.is(await world.reconcile(0), undefined);
  }
  t.deepEqual(world.observed?.metadata.finalizers, ['anneal.dev/cleanup']);
});

test('a leader that slept does not write its old status over the new one', async (t) => {
  const world = aWorld(2);
  world.deliver(1);
  world.script = () => ({ exit: 0 });
  for (let round = 0; round < 40 && world.phase !== 'Succeeded'; round++) {
    world.time += 5_000;
    world.outside();
    world.deliver(0);
    await world.reconcile(0);
  }
  t.is(world.phase, 'Succeeded');
  const before = world.transport.writes.length;
  t.is(await world.reconcile(1), undefined);
  t.is(world.phase, 'Succeeded');
  t.is(world.transport.writes.length, before, 'its writes are refused');
});

test('a leader that slept creates nothing, although its status would not change', async (t) => {
  const world = aWorld(2);
  const workersAreThere = () => world.jobs('worker').length > 0;
  for (let round = 0; round < 20 && !workersAreThere(); round++) await turn(world);
  // The second leader knows that the workers are to be created, and not that they were.
  world.deliverBefore(1, ({ collection, object }) => {
    return collection === jobsAt && labelsOf(object)['anneal.dev/component'] === 'worker';
  });
  world.edit({ suspend: true });
  for (let round = 0; round < 10; round++) await turn(world);
  t.is(world.phase, 'Suspended');
  t.deepEqual(world.jobs('worker'), []);
  const before = world.transport.writes.length;
  await world.reconcile(1);
  t.deepEqual(creations(world, before), []);
  t.deepEqual(world.jobs('worker'), []);
});

/** The first leader sees all, decides once, and the cluster does what it asked for. */
async function turn(world: World): Promise<void> {
  world.time += 1_000;
  world.deliver(0);
  await world.reconcile(0);
  world.outside();
}

test('a job is not begun on an old copy of it', async (t) => {
  const world = aWorld(1, {}, true);
  world.deliver();
  world.edit({ suspend: true });
  t.is(await world.reconcile(), undefined, 'that it has changed is no error');
  t.deepEqual(creations(world), []);
  await world.settle(3);
  t.is(world.phase, 'Suspended');
});

test('a leader goes on with what another one began and told nobody', async (t) => {
  for (const changes of [{}, { training: { globalBatchSize: 16 } }]) {
    const world = aWorld(2, preparingAlone, true);
    world.deliver(0);
    await world.reconcile(0);
    t.is(world.phase, undefined, 'the status comes with the next look');
    const [begun] = world.jobs('worker');
    t.truthy(begun);
    world.edit(changes);
    for (let round = 0; round < 10; round++) {
      world.time += 1_000;
      world.outside();
      world.deliver(1);
      t.is(await world.reconcile(1), undefined);
    }
    t.is(world.phase, 'Running');
    const names = world.jobs('worker').map((job) => metaOf(job)['name']);
    t.deepEqual(names, [Object.keys(changes).length === 0 ? 'first-w1' : 'first-w2']);
  }
});

test('a decision waits until the cache has seen what was written last', async (t) => {
  const world = aWorld();
  world.deliver();
  await world.reconcile();
  const before = world.transport.requests;
  await world.reconcile();
  t.is(world.transport.requests, before, 'the cache is behind: nothing is decided');
  world.time += 10_000;
  await world.reconcile();
  t.is(
    world.jobs('init').length,
    1,
    'after ten seconds it is decided all the same, and changes nothing',
  );
});

test('a lost answer to a create is met again, and is a success', async (t) => {
  const world = aWorld();
  world.deliver();
  world.transport.outcome = ({ verb, path }) =>
    verb === 'POST' && path.endsWith('/jobs') ? 'AnswerIsLost' : 'Fine';
  t.truthy(await world.reconcile());
  world.transport.outcome = () => 'Fine';
  t.is(world.jobs('init').length, 1);
  await world.settle(6);
  t.is(world.phase, 'Running');
  t.is(world.jobs('init').length, 1);
});

test('what is not permitted stands in the status, and goes when it is permitted', async (t) => {
  const world = aWorld();
  world.deliver();
  world.transport.outcome = ({ verb, path }) =>
    verb === 'POST' && path.endsWith('/jobs') ? 'Forbidden' : 'Fine';
  for (let round = 0; round < 3; round++) {
    await world.reconcile();
    world.deliver();
  }
  const stalled = () => world.observed?.status.conditions?.find(({ type }) => type === 'Stalled');
  t.is(stalled()?.reason, 'PermissionDenied');
  t.regex(stalled()?.message ?? '', /^Create of Job is not permitted: /);
  world.transport.outcome = () => 'Fine';
  await world.settle(8);
  t.is(stalled()?.status, 'False');
  t.is(world.phase, 'Running');
});

test('a name that somebody else has is told, and his object is left alone', async (t) => {
  const world = aWorld();
  const theirs = {
    metadata: { name: 'first-init-1', namespace: 'team-a' },
    spec: { suspend: true, template: { spec: {} } },
  };
  world.objects.create({ collection: jobsAt, namespace: 'team-a' }, theirs);
  for (let round = 0; round < 3; round++) {
    world.deliver();
    await world.reconcile();
  }
  const stalled = world.observed?.status.conditions?.find(({ type }) => type === 'Stalled');
  t.is(stalled?.reason, 'NameConflict');
  t.is(
    stalled?.message,
    'Job first-init-1 belongs to someone else; the job needs the name for a child of its own',
  );
  const [job] = world.objects.all(jobsAt);
  t.is(metaOf(job ?? {})['ownerReferences'], undefined);
});

test('a job that another controller manages is left alone', async (t) => {
  const world = aWorld(1, { managedBy: 'kueue.x-k8s.io/multikueue' });
  world.deliver();
  await world.reconcile();
  t.deepEqual(world.transport.writes, []);
});

test('an edit of progress alone does not make the reconciler write', async (t) => {
  const world = aWorld();
  await world.settle(8);
  const before = world.transport.writes.length;
  const at = {
    collection: 'apis/anneal.dev/v1alpha1/finetunejobs',
    namespace: 'team-a',
    name: 'first',
  };
  world.objects.mergePatch(at, { status: { progress: { step: 3 } } });
  world.deliver();
  await world.reconcile();
  t.is(world.transport.writes.length, before);
  t.is(world.observed?.status.progress?.step, 3);
});

const hostile = [
  ['api/v1/services', 'first'],
  ['apis/networking.k8s.io/v1/networkpolicies', 'first-workers'],
  ['apis/networking.k8s.io/v1/networkpolicies', 'anneal.dev.io'],
  ['api/v1/persistentvolumeclaims', 'first-data'],
  [jobsAt, 'first-init-1'],
  [jobsAt, 'first-w1'],
  [jobsAt, 'first-publish-1'],
] as const;

for (const [collection, name] of hostile) {
  test(`a foreign object of the name ${name} in ${collection} is named, left as it is, and waited for`, async (t) => {
    const several = { 'worker.replicas': 2, 'storage.data': sharedClaim };
    const world = aWorld(1, several, true);
    world.script = () => ({ exit: 0 });
    const at = { collection, namespace: 'team-a', name };
    // Suspended, so that the Job controller of the simulation leaves a Job of it alone.
    const spec = { suspend: true, template: { spec: {} }, of: 'somebody else' };
    const theirs = { metadata: { name, namespace: 'team-a' }, spec };
    const before = world.objects.create(at, theirs);
    const stalled = () => world.observed?.status.conditions?.find(({ type }) => type === 'Stalled');
    for (let round = 0; round < 40 && stalled() === undefined; round++) await turn(world);
    t.is(stalled()?.reason, 'NameConflict');
    t.regex(stalled()?.message ?? '', new RegExp(` ${name} belongs to someone else`));
    for (let round = 0; round < 3; round++) await turn(world);
    t.deepEqual(world.objects.find(at)?.['spec'], spec);
    t.deepEqual(metaOf(world.objects.find(at) ?? {})['ownerReferences'], undefined);
    t.is(metaOf(world.objects.find(at) ?? {})['uid'], metaOf(before)['uid']);
    // Nobody tells us when it goes: the job comes back by itself.
    const { requeueAfterMs = Infinity } = await world.reconciled();
    t.true(requeueAfterMs <= 60_000, `${requeueAfterMs} ms`);
    world.objects.delete(at, undefined);
    await world.settle(40);
    t.is(world.phase, 'Succeeded');
  });
}

const sharedClaim = { volumeClaimTemplate: { size: '1Gi', accessMode: 'ReadWriteMany' } };

test('what the API server will never accept ends the job with its sentence, and is not tried again', async (t) => {
  const world = aWorld();
  world.transport.outcome = ({ verb, path }) =>
    verb === 'POST' && path.endsWith('/jobs') ? 'Invalid' : 'Fine';
  for (let round = 0; round < 4; round++) await turn(world);
  t.is(world.phase, 'Failed');
  const { failure } = world.observed?.status ?? {};
  t.is(failure?.reason, 'InvalidSpec');
  t.regex(
    failure?.message ?? '',
    /^Job first-init-1 is not accepted by the API server: .* must be greater/,
  );
  const before = world.transport.requests;
  await turn(world);
  t.is(world.transport.requests, before);
});

test('a new leader whose list of Jobs is behind does not take the workers for removed', async (t) => {
  const world = aWorld(2, {}, true);
  const isRunning = () => world.phase === 'Running';
  for (let round = 0; round < 30 && !isRunning(); round++) await turn(world);
  t.true(isRunning());
  // The stream of FineTuneJobs has told the second leader all, that of Jobs nothing yet.
  world.deliver(1);
  const [late] = world.leaders.slice(1);
  for (const job of [...(late?.stores.batchJobs.values() ?? [])]) {
    if (job.metadata.name === 'first-w1') late?.stores.batchJobs.remove(job);
  }
  const before = world.transport.writes.length;
  const { requeueAfterMs } = await world.reconciled(1);
  t.is(world.transport.writes.length, before, 'nothing is decided before the API server was asked');
  t.true((requeueAfterMs ?? Infinity) <= 1_000);
  world.deliver(0);
  await world.reconcile(0);
  t.is(world.observed?.status.workerRevision, 1);
  // Once it is really gone, the next revision takes its place.
  world.objects.delete({ collection: jobsAt, namespace: 'team-a', name: 'first-w1' }, undefined);
  world.deliver(1);
  await world.reconcile(1);
  t.is(world.observed?.status.workerRevision, 2);
});

test('a job that has not ended is looked at again within ten minutes, whatever it waits for', async (t) => {
  const world = aWorld();
  world.deliver();
  for (let round = 0; round < 30; round++) {
    const { requeueAfterMs = Infinity } = await world.reconciled();
    t.true(requeueAfterMs <= 600_000, `${world.phase}: ${requeueAfterMs} ms`);
    await turn(world);
  }
  t.is(world.phase, 'Running');
});
