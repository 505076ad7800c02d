// The operator in a simulated world: whatever happens in whatever order, the invariants hold, and
// when it is over the job comes to its end. The same schedules are drawn at every run, so that a
// run here is worth what it was before; `npm run simulate -- --of operator` draws many others.
import test from 'ava';
import fc from 'fast-check';
import { holdsInAll } from '../../doubles/simulation/draws.ts';
import { foreign, hold, type Memory, memoryOf } from '../../doubles/simulation/invariants.ts';
import { jobsAt, labelsOf, podsAt } from '../../doubles/simulation/job-controller.ts';
import { jobKinds, operatorEnds } from '../../doubles/simulation/operator-ends.ts';
import { beginning, happen, newRun, schedule } from '../../doubles/simulation/schedule.ts';
import type { Mending } from '../../doubles/simulation/workers.ts';
import { World } from '../../doubles/simulation/world.ts';

/** A second each. */
const schedules = 6;
const asked = { numRuns: schedules, seed: 7 };
const smallBudget = { maxRestarts: 2, windowSeconds: 0 };
for (const kind of jobKinds) {
  test(`no schedule of faults breaks an invariant, and the job comes to its end: ${kind}`, async (t) => {
    const ends = operatorEnds(kind);
    const property = fc.asyncProperty(schedule, beginning, async (events, given) => {
      await ends(events, given);
    });
    await holdsInAll(property, asked);
    t.pass();
  });
}

test('an undisturbed job succeeds, and deciding again changes nothing', async (t) => {
  const world = new World();
  world.apply({ 'worker.devicesPerWorker': 0 });
  world.script = () => ({ exit: 0 });
  await world.settle();
  t.is(world.phase, 'Succeeded');
  const before = world.transport.writes.length;
  t.true(before <= 30, `I13: ${before} writes`);
  for (let round = 0; round < 3; round++) {
    world.deliver();
    await world.reconcile();
  }
  t.is(
    world.transport.writes.length,
    before,
    'I3: nothing is written to a job that is as it should be',
  );
});

test('a running job that nothing happens to is not written to', async (t) => {
  for (const bus of [false, true]) {
    const world = new World({ bus });
    world.apply({ 'worker.devicesPerWorker': 0, 'worker.replicas': bus ? 2 : 1 });
    world.script = (pod) =>
      labelsOf(pod)['anneal.dev/component'] === 'init' ? { exit: 0 } : undefined;
    await world.settle(20);
    t.is(world.phase, 'Running');
    const before = world.transport.writes.length;
    await world.settle(5, 1);
    t.is(world.transport.writes.length, before);
  }
});

test('a deleted job leaves nothing behind, on the bus neither', async (t) => {
  const world = new World({ bus: true });
  world.apply({ 'worker.devicesPerWorker': 0 });
  world.script = (pod) =>
    labelsOf(pod)['anneal.dev/component'] === 'init' ? { exit: 0 } : undefined;
  await world.settle(20);
  t.is(world.phase, 'Running');
  world.remove();
  await world.settle(20);
  t.is(world.find(), undefined);
  t.deepEqual(world.objects.all(jobsAt), []);
  t.deepEqual(world.objects.all(podsAt), []);
  t.deepEqual(world.bus?.jobs(), []);
});

test('checks that could not fail would prove nothing: each is seen failing', async (t) => {
  const { world } = await newRun(true, true, smallBudget);
  const { maxRestarts } = smallBudget;
  const fresh = (): Memory => ({ ...memoryOf(world), writes: world.transport.writes.length });
  const breaks = (memory: Memory, message: RegExp, maximum = maxRestarts) =>
    t.throws(() => hold(world, memory, maximum), { message });
  t.notThrows(() => hold(world, fresh(), maxRestarts));
  breaks({ ...fresh(), end: 'Failed/Hang' }, /^I2: the end changed/);
  breaks({ ...fresh(), step: 5 }, /^I8/);
  breaks(fresh(), /^I10/, -1);
  const pod = { hostNetwork: true, containers: [] };
  const write = (path: string, body?: object) => {
    const memory = fresh();
    world.transport.writes.push({ verb: 'POST', path, ...(body === undefined ? {} : { body }) });
    return memory;
  };
  breaks(write('/api/v1/namespaces/team-a/secrets'), /^I12/);
  breaks(write('/x', { spec: { template: { spec: pod } } }), /^I14.*hostNetwork/);
  breaks({ ...write('/apis/batch/v1/namespaces/team-a/jobs'), end: 'Failed/Hang' }, /^I2: POST/);
  world.edit({ suspend: true });
  breaks(write('/apis/batch/v1/namespaces/team-a/jobs'), /^I7/);
  world.objects.mergePatch(
    { collection: 'apis/anneal.dev/v1alpha1/finetunejobs', namespace: 'team-a', name: 'first' },
    { status: { phase: 'Failed' } },
  );
  breaks(fresh(), /^I6: the phase/);
  const changed = fresh();
  const [, policy] = foreign;
  if (policy !== undefined) world.objects.mergePatch(policy, { spec: { changed: true } });
  breaks(changed, /^I5/);
  const labels = { 'anneal.dev/component': 'worker' };
  const place = { collection: jobsAt, namespace: 'team-a' };
  world.objects.create(place, { metadata: { name: 'a', namespace: 'team-a', labels } });
  breaks(fresh(), /^I1: there are 2/);
});

test('a bus that comes back empty is told the checkpoint that status remembers', async (t) => {
  const run = await newRun(true, true, smallBudget);
  const { world } = run;
  await happen(run, { type: 'save' });
  await happen(run, { type: 'wipe' });
  await world.settle(3);
  const [job] = world.bus?.jobs() ?? [];
  const state = job === undefined ? undefined : world.bus?.of(job).state;
  t.is(state?.checkpoint?.step, 1);
  t.true((state?.round ?? 0) > 1);
});

test('what workers mend in place is counted, and what is too much ends the job', async (t) => {
  const run = await newRun(true, true, smallBudget);
  const { world } = run;
  const mend = async (cause: Mending) => {
    await happen(run, { type: 'mend', cause });
    await world.settle(2);
  };
  await mend('ProcessFailed');
  t.is(world.observed?.status.restarts?.counted, 1);
  await mend('OutOfMemory');
  t.is(world.observed?.status.restarts?.counted, 1);
  t.is(world.phase, 'Running');
  await happen(run, { type: 'save' });
  await mend('Hang');
  t.is(world.observed?.status.restarts?.counted, 2);
  await mend('Hang');
  t.is(world.phase, 'Failed');
  t.is(world.observed?.status.failure?.reason, 'RestartBudgetExhausted');
});
