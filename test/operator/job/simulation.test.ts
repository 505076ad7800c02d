// The invariants of a job, held against schedules of everything that can go wrong around its operator: calls that fail before or after they took
// effect, caches that lag, leaders that are two, processes that end, pods that die, people who edit and delete, a bus that goes and comes.
import test from 'ava';
import fc from 'fast-check';
import { phaseOf } from '../../../operator/job/phase.ts';
import { metaOf } from '../../doubles/kube/objects.ts';
import type { Tree } from '../../doubles/kube/patches.ts';
import {
  jobsAt,
  labelsOf,
  type PodScript,
  podsAt,
  statusOf,
} from '../../doubles/simulation/job-controller.ts';
import type { Outcome } from '../../doubles/simulation/memory-transport.ts';
import { World } from '../../doubles/simulation/world.ts';

const fine = fc.constant<Outcome>('Fine');
const outcomes = fc.oneof(
  { weight: 3, arbitrary: fine },
  fc.constantFrom<Outcome>('FailsBefore', 'AnswerIsLost', 'Busy'),
);
/** How many of the changes since the last look a leader has heard of. */
const sees = fc.oneof({ weight: 4, arbitrary: fc.constant(999) }, fc.constantFrom(0, 1, 2));
const leader = fc.nat(1);
const event = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      type: fc.constant('reconcile' as const),
      ...{ leader, sees, faults: fc.array(outcomes, { maxLength: 6 }) },
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('outside' as const),
      seconds: fc.constantFrom(1, 5, 40),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('end' as const),
      exit: fc.constantFrom(70, 70, 71, 75, 76, 76, 137, 74),
    }),
  },
  fc.record({ type: fc.constant('finish' as const) }),
  fc.record({ type: fc.constant('evict' as const) }),
  fc.record({ type: fc.constant('deleteWorkers' as const) }),
  fc.record({ type: fc.constant('suspend' as const), suspend: fc.boolean() }),
  fc.record({ type: fc.constant('restart' as const), leader }),
  fc.record({ type: fc.constant('bus' as const), away: fc.boolean() }),
);
type Event = typeof event extends fc.Arbitrary<infer E> ? E : never;

const maxRestarts = 2;

async function newWorld(bus: boolean, begun: boolean): Promise<World> {
  const world = new World({ bus, leaders: 2 });
  world.apply({
    'worker.devicesPerWorker': 0,
    'worker.replicas': bus ? 2 : 1,
    'failurePolicy.maxRestarts': maxRestarts,
    'failurePolicy.restartWindowSeconds': 0,
  });
  plantForeign(world);
  world.script = script;
  if (begun) await world.settle(12);
  return world;
}

/** Objects with our labels that are somebody else's. */
function plantForeign(world: World): void {
  const owner = world.objects.create(
    { collection: 'apis/anneal.dev/v1alpha1/finetunejobs', namespace: 'team-b' },
    { metadata: { name: 'someone', namespace: 'team-b' }, spec: {} },
  );
  const uid = String(metaOf(world.find() ?? {})['uid']);
  const labels = {
    ...{ 'anneal.dev/job-uid': uid, 'anneal.dev/job-name': 'first' },
    ...{ 'anneal.dev/component': 'worker', 'anneal.dev/worker-epoch': '9' },
  };
  const ownerReferences = [{ uid: metaOf(owner)['uid'], controller: true }];
  const metadata = { name: 'foreign', namespace: 'team-a', labels, ownerReferences };
  for (const { collection, namespace } of foreign) {
    const spec = { suspend: true, template: { spec: {} } };
    world.objects.create({ collection, namespace }, { metadata, spec });
  }
}

const foreign = [jobsAt, 'apis/networking.k8s.io/v1/networkpolicies'].map((collection) => ({
  ...{ collection, namespace: 'team-a', name: 'foreign' },
}));

/** What of them matters; the Job controller may look at them as it does at any. */
function foreignNow(world: World): string {
  const found = foreign.map((at) => world.objects.find(at));
  return JSON.stringify(
    found.map((object) => [object?.['spec'], object && metaOf(object)['labels']]),
  );
}

async function happen(world: World, each: Event): Promise<void> {
  switch (each.type) {
    case 'reconcile': {
      const faults = [...each.faults];
      world.deliver(each.leader, each.sees);
      world.transport.outcome = ({ verb }) =>
        verb === 'GET' ? 'Fine' : (faults.shift() ?? 'Fine');
      await world.reconcile(each.leader);
      world.transport.outcome = () => 'Fine';
      return;
    }
    case 'outside':
      world.time += each.seconds * 1000;
      world.outside();
      return;
    case 'end':
      endOne(world, each.exit);
      return;
    case 'finish':
      finish(world);
      return;
    case 'evict': {
      const [pod] = world.objects
        .all(podsAt)
        .filter((found) => statusOf(found).phase === 'Running');
      if (pod !== undefined) world.controller.evict(pod);
      return;
    }
    case 'deleteWorkers': {
      const [job] = world.jobs('worker').filter((each) => metaOf(each)['name'] !== 'foreign');
      if (job !== undefined) {
        world.objects.delete(
          { collection: jobsAt, namespace: 'team-a', name: String(metaOf(job)['name']) },
          undefined,
        );
      }
      return;
    }
    case 'suspend':
      world.edit({ suspend: each.suspend });
      return;
    case 'restart':
      world.restart(each.leader);
      return;
    case 'bus':
      if (world.bus !== undefined) world.bus.awaySince = each.away ? world.time : undefined;
      return;
    default:
      each satisfies never;
  }
}

/** One worker ends badly. */
function endOne(world: World, exit: number): void {
  const [first] = runningWorkers(world);
  const before = world.script;
  world.script = (pod) =>
    metaOf(pod)['uid'] === metaOf(first ?? {})['uid'] ? { exit } : before(pod);
  world.outside();
  world.script = before;
}

/** Training ends well: workers agree on it where they have a bus, and end. */
function finish(world: World): void {
  if (runningWorkers(world).length === 0) return;
  for (const job of world.bus?.jobs() ?? []) {
    const records = world.bus?.of(job);
    if (records?.state?.world === undefined || records.state.result !== undefined) return;
    records.state = {
      ...records.state,
      result: { type: 'Succeeded', reason: 'Finished', step: 9 },
    };
  }
  const before = world.script;
  world.script = (pod) => (isWorker(pod) ? { exit: 0 } : before(pod));
  world.outside();
  world.script = before;
}

function runningWorkers(world: World): readonly Tree[] {
  return world.objects
    .all(podsAt)
    .filter((pod) => isWorker(pod) && statusOf(pod).phase === 'Running');
}

function isWorker(pod: Tree): boolean {
  return labelsOf(pod)['anneal.dev/component'] === 'worker';
}

/** Jobs before and after training do well; workers run on. */
const script: PodScript = (pod) => (isWorker(pod) ? undefined : { exit: 0 });

interface Memory {
  end: string | undefined;
  writes: number;
  readonly foreign: string;
}

/** Throws the sentence of the invariant that does not hold. */
function hold(world: World, memory: Memory): void {
  const job = world.observed;
  const workers = world.jobs('worker').filter((each) => metaOf(each)['name'] !== 'foreign');
  check(workers.length <= 1, `I1: there are ${workers.length} worker Jobs`);
  const secrets = world.transport.writes.filter(({ path }) => path.includes('/secrets'));
  check(secrets.length === 0, 'I12: a Secret was written');
  check(foreignNow(world) === memory.foreign, 'I5: a foreign object changed');
  if (job === undefined) return;
  const { status, generation } = job;
  const conditions = status.conditions ?? [];
  if (status.phase !== undefined)
    check(status.phase === phaseOf(conditions), 'I6: the phase is not that of the conditions');
  check((status.observedGeneration ?? 0) <= generation, 'I6: the observed generation is ahead');
  check(
    (status.restarts?.counted ?? 0) <= maxRestarts,
    `I10: ${status.restarts?.counted} restarts were counted`,
  );
  const end = conditions.find(
    ({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'),
  );
  const created = world.transport.writes.slice(memory.writes).filter(isCreating);
  memory.writes = world.transport.writes.length;
  if (memory.end !== undefined) {
    check(created.length === 0, `I2: ${created[0]?.verb} ${created[0]?.path} after the end`);
    check(`${end?.type}/${end?.reason}` === memory.end, `I2: the end changed from ${memory.end}`);
  }
  memory.end ??= end === undefined ? undefined : `${end.type}/${end.reason}`;
}

function isCreating({ verb, path }: { readonly verb: string; readonly path: string }): boolean {
  if (path.includes('/finetunejobs/') || path.includes('/events')) return false;
  return verb === 'POST' || (verb === 'PATCH' && !path.includes('/jobs/'));
}

function check(holds: boolean, sentence: string): void {
  if (!holds) throw new Error(sentence);
}

/** fast-check keeps the sentence in the cause, where no report shows it. */
const report = { includeErrorInReport: true } as const;
const schedule = fc.array(event, { minLength: 30, maxLength: 80, size: 'max' });
/** Most schedules begin with a job that trains; how it came there is a schedule too. */
const isBegun = fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false));
const runs = { ...report, numRuns: 40 };

for (const bus of [false, true]) {
  test(`no schedule of faults breaks an invariant, ${bus ? 'with' : 'without'} a bus`, async (t) => {
    await fc.assert(
      fc.asyncProperty(isBegun, schedule, async (begun, events) => {
        const world = await newWorld(bus, begun);
        const memory: Memory = {
          end: undefined,
          writes: 0,
          foreign: foreignNow(world),
        };
        for (const each of events) {
          await happen(world, each);
          hold(world, memory);
        }
      }),
      runs,
    );
    t.pass();
  });

  test(`after faults end, a job whose pods do well comes to its end, ${bus ? 'with' : 'without'} a bus`, async (t) => {
    await fc.assert(
      fc.asyncProperty(isBegun, schedule, async (begun, events) => {
        const world = await newWorld(bus, begun);
        const memory: Memory = {
          end: undefined,
          writes: 0,
          foreign: foreignNow(world),
        };
        for (const each of events) await happen(world, each);
        if (world.bus !== undefined) world.bus.awaySince = undefined;
        world.edit({ suspend: false });
        world.script = () => ({ exit: 0 });
        await world.settle(600);
        hold(world, memory);
        check(['Succeeded', 'Failed'].includes(world.phase ?? ''), `it is ${world.phase}`);
        if (world.phase === 'Failed') {
          const reason = world.observed?.status.failure?.reason;
          check(
            [
              'RestartBudgetExhausted',
              'NoProgress',
              'InternalError',
              'DeviceFault',
              'Hang',
              'Diverged',
              'Terminated',
            ].includes(reason ?? ''),
            `it failed of ${reason}`,
          );
        }
      }),
      { ...report, numRuns: 20 },
    );
    t.pass();
  });
}

test('an untroubled job succeeds, and deciding again changes nothing', async (t) => {
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

test('checks that could not fail would prove nothing: each is seen failing', (t) => {
  const world = new World();
  world.apply();
  plantForeign(world);
  const memory = (): Memory => ({
    end: undefined,
    writes: 0,
    foreign: foreignNow(world),
  });
  const labels = { 'anneal.dev/component': 'worker' };
  for (const name of ['a', 'b']) {
    world.objects.create(
      { collection: jobsAt, namespace: 'team-a' },
      { metadata: { name, namespace: 'team-a', labels } },
    );
  }
  t.throws(() => hold(world, memory()), { message: /^I1/ });
  world.objects.delete({ collection: jobsAt, namespace: 'team-a', name: 'b' }, undefined);
  const fresh = memory();
  world.objects.mergePatch(foreign[1]!, { spec: { changed: true } });
  t.throws(() => hold(world, fresh), { message: /^I5/ });
  t.throws(() => hold(world, { ...memory(), end: 'Failed/Hang' }), { message: /^I2/ });
});
