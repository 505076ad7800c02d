// The operator's side of the bus, with a real nats-server: what it mirrors, what it writes by
// compare-and-set, and what happens when the server is away, comes back, or comes back empty.
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../crds/clock.ts';
import { Bus } from '../../crds/wire/bus.ts';
import type { DesiredRecord } from '../../crds/wire/state.ts';
import { keys, subjects } from '../../crds/wire/subjects.ts';
import { NatsBus } from '../../operator/bus/nats-bus.ts';
import { systemRandom } from '../../operator/runtime/random.ts';
import { aMember, aState } from '../builders/job-facts.ts';
import { aPlan } from '../builders/trainer-messages.ts';
import { eventually } from '../doubles/eventually.ts';
import { cluster, NatsServer, records } from '../doubles/nats-server.ts';

const job = { namespace: 'team-a', uid: 'u1' };
const metric = (of: typeof job) => subjects.message(cluster, of, 'metrics', 0);
const never = new AbortController().signal;
const other = { namespace: 'team-b', uid: 'u2' };

async function fixture(t: ExecutionContext, token?: string) {
  const server = await NatsServer.start();
  if (token !== undefined) {
    await server.kill();
    await server.start(['--auth', token]);
  }
  const known = token === undefined ? {} : { token: () => token };
  const errors: unknown[] = [];
  const bus = new NatsBus(
    { url: server.url, name: 'operator', ...known },
    {
      ...{ clock: systemClock, random: systemRandom, replicas: 1, identity: 'operator-1' },
      ...{ cluster: async () => cluster, tell: (error: unknown) => errors.push(error) },
    },
  );
  const stop = new AbortController();
  const running = bus.run(stop.signal);
  await eventually('the bus is there', () => bus.isConnected);
  const worker = await Bus.connect({ url: server.url, name: 'worker', ...known }, never);
  t.teardown(async () => {
    stop.abort();
    await worker[Symbol.asyncDispose]();
    await running;
    await server[Symbol.asyncDispose]();
  });
  const present = (which = job) => {
    const facts = bus.facts(which);
    return facts.type === 'Present' ? facts : undefined;
  };
  return { server, bus, worker, errors, present };
}

const desired: DesiredRecord = {
  ...{
    v: 1,
    workerRevision: 1,
    workers: 2,
    min: 2,
    max: 2,
    save: 0,
    stop: 'None',
    plan: 'p',
    live: {},
  },
};

test('what is written is mirrored, and each job sees its own records', async (t) => {
  const { bus, present } = await fixture(t);
  const heard: (string | undefined)[] = [];
  using _subscription = bus.subscribe((changed) => heard.push(changed?.uid));
  await bus.initState(job, aState(), never);
  await bus.writeDesired(job, desired, never);
  await bus.initState(other, aState({ round: 7 }), never);
  await eventually(
    'all is mirrored',
    () => present()?.desired !== undefined && present(other)?.state?.round === 7,
  );
  t.is(present()?.state?.round, 1);
  t.is(present(other)?.desired, undefined);
  t.true(heard.includes('u1') && heard.includes('u2'));
  t.is(bus.jobs().length, 2);
});

test('a state that is there is not begun anew', async (t) => {
  const { bus, present } = await fixture(t);
  await bus.initState(job, aState({ round: 5 }), never);
  await bus.initState(job, aState({ round: 1 }), never);
  await eventually('it is mirrored', () => present()?.state !== undefined);
  t.is(present()?.state?.round, 5);
});

test('a round is opened once, however many ask, and never after the result', async (t) => {
  const { bus, present, worker } = await fixture(t);
  await bus.initState(job, aState(), never);
  const { restarts } = aState();
  const open = (from: number) =>
    bus.openRound(job, { from, cause: 'PodLost', workerRevision: 2, restarts }, never);
  await Promise.all([open(1), open(1), open(1)]);
  await eventually('it is open', () => present()?.state?.round === 2);
  await open(1);
  t.like(present()?.state, {
    round: 2,
    workerRevision: 2,
    opened: { by: 'operator-1', cause: 'PodLost' },
  });
  t.is(present()?.state?.world, undefined);
  const kept = await records(worker);
  const result = { type: 'Succeeded', reason: 'Finished', step: 3 } as const;
  await kept.put(keys.state(job), aState({ round: 2, result }));
  await open(2);
  await eventually('the result is seen', () => present()?.state?.result !== undefined);
  t.is(present()?.state?.round, 2);
});

test('members and acknowledgements are those of the present round', async (t) => {
  const { bus, present, worker } = await fixture(t);
  await bus.initState(job, aState({ round: 3 }), never);
  const kept = await records(worker);
  await kept.create(keys.member(job, 2, 0), aMember(0, 'old'));
  await kept.create(keys.member(job, 3, 0), aMember(0, 'new'));
  await kept.put(keys.ack(job, 3, 0), { v: 1, podUID: 'new', stoppedStep: 4 });
  await eventually('both are seen', () => present()?.acks.size === 1);
  t.is(present()?.members.get(0)?.podUID, 'new');
  t.is(present()?.acks.get(0)?.stoppedStep, 4);
});

test('a record that cannot be read is as good as absent', async (t) => {
  const { bus, present, worker } = await fixture(t);
  await bus.writeDesired(job, desired, never);
  const kept = await records(worker);
  await kept.put(keys.state(job), { v: 99 });
  await eventually('the other one is seen', () => present()?.desired !== undefined);
  t.is(present()?.state, undefined);
});

test('a server that is killed is away since then; writes say so; what happened meanwhile is seen after', async (t) => {
  const { server, bus, present, errors } = await fixture(t);
  await bus.initState(job, aState(), never);
  await eventually('it is mirrored', () => present()?.state !== undefined);
  await server.kill();
  await eventually('the loss is noticed', () => bus.facts(job).type === 'Away');
  await t.throwsAsync(bus.writeDesired(job, desired, never), { code: 'E_BUS_UNAVAILABLE' });
  await server.start();
  await eventually('it is back', () => present()?.state !== undefined);
  await bus.writeDesired(job, desired, never);
  await eventually('writes arrive again', () => present()?.desired !== undefined);
  t.deepEqual(errors, [], 'a reconnect is no error');
});

test('a purged job leaves nothing, and others stay', async (t) => {
  const { bus, present, worker } = await fixture(t);
  await bus.initState(job, aState(), never);
  await bus.initState(other, aState(), never);
  await worker.publish(metric(job), { a: 1 }, 'm1');
  await eventually('both are mirrored', () => bus.jobs().length === 2);
  await bus.purge(job, never);
  t.deepEqual(bus.jobs(), [other]);
  t.is(present()?.state, undefined);
  const kept = await records(worker);
  t.is(await kept.get(keys.state(job)), undefined);
  t.truthy(await kept.get(keys.state(other)));
});

test('a purge is told to whoever watches, so that gateways close the door', async (t) => {
  const { bus, worker } = await fixture(t);
  await bus.admit(job, { v: 1, name: 'first', workers: 2 }, never);
  const told: unknown[] = [];
  const stop = new AbortController();
  const watcher = {
    entry: (key: string, value: unknown) => told.push([key, value]),
    ...{ ready: () => told.push('ready'), again: () => {} },
  };
  const watching = (await records(worker)).watch('>', watcher, stop.signal);
  await eventually('the watch began', () => told.includes('ready'));
  await bus.purge(job, never);
  await eventually('it is told', () => told.length === 3);
  t.deepEqual(told.at(-1), [keys.job(job), undefined]);
  stop.abort();
  await watching;
});

test('records of rounds that nobody asks for any more are removed', async (t) => {
  const { bus, worker, present } = await fixture(t);
  const kept = await records(worker);
  for (const round of [1, 2, 9, 10]) {
    await kept.put(keys.member(job, round, 0), aMember(0, `g${round}`));
    await kept.put(keys.ack(job, round, 0), { v: 1, podUID: 'x' });
  }
  await bus.initState(job, aState({ round: 10 }), never);
  await eventually('all is mirrored', () => present()?.state?.round === 10);
  await bus.prune(never);
  const left = await Promise.all(
    [1, 2, 9, 10].map((round) => kept.get(keys.member(job, round, 0))),
  );
  t.deepEqual(
    left.map((entry) => entry !== undefined),
    [false, false, true, true],
  );
  t.is(await kept.get(keys.ack(job, 2, 0)), undefined);
  t.is(present()?.members.get(0)?.podUID, 'g10');
});

test('steps that workers tell become progress', async (t) => {
  const { bus, worker } = await fixture(t);
  const step = {
    ...{
      time: 1,
      type: 'step',
      step: 3,
      totalSteps: 9,
      epoch: 0,
      loss: 1,
      targetTokens: 1,
      tokens: 1,
    },
    ...{ tokensSeen: 1, tokensPerSecond: 1, gradNorm: 1, clipFactor: 1, learningRate: 1 },
    stepMs: { total: 1, compute: 1, data: 1 },
    memory: { now: 1, peak: 1 },
  };
  await worker.publish(metric(job), step, 's3');
  await eventually('the step is heard', () => bus.progress(job)?.step?.step === 3);
  await worker.publish(metric(job), { type: 'nonsense' }, 'x');
  await worker.publish(metric(job), { ...step, step: 4 }, 's4');
  await eventually('the next one too', () => bus.progress(job)?.step?.step === 4);
  t.is(bus.progress(other), undefined);
});

test('a save for which there is no room is heard of at once', async (t) => {
  const { bus, worker } = await fixture(t);
  const told: unknown[] = [];
  using _listening = bus.subscribe((each) => told.push(each?.uid));
  const warning = { time: 1, type: 'warning', message: 'the volume is full', step: 3 };
  await worker.publish(metric(job), { ...warning, reason: 'NonFinite' }, 'w1');
  await worker.publish(metric(job), { ...warning, reason: 'StorageFull' }, 'w2');
  const unsaved = (of: typeof job) => {
    const facts = bus.facts(of);
    return facts.type === 'Present' ? facts.unsaved : undefined;
  };
  await eventually('it is heard', () => unsaved(job) !== undefined);
  t.deepEqual(unsaved(job), { step: 3, message: 'the volume is full' });
  t.is(unsaved(other), undefined);
  t.true(told.includes(job.uid));
});

test('a worker that makes the others wait is heard of, and when it does no more', async (t) => {
  const { bus, worker } = await fixture(t);
  const straggling = () => {
    const facts = bus.facts(job);
    return facts.type === 'Present' ? facts.straggling : undefined;
  };
  const say = (reason: string, id: string) =>
    worker.publish(metric(job), { time: 1, type: 'warning', message: 'slow', reason }, id);
  await say('Straggler', 'w1');
  await eventually('it is heard', () => straggling()?.message === 'slow');
  await say('InStep', 'w2');
  await eventually('it is over', () => straggling() === undefined);
  await say('Straggler', 'w3');
  await eventually('another is heard of', () => straggling() !== undefined);
  await worker.publish(metric(job), { ...aPlan(), time: 1 }, 'p1');
  await eventually('a new world trains', () => straggling() === undefined);
  t.pass();
});

test('a server that lost its storage is arranged anew, and is told what is remembered', async (t) => {
  const { server, bus, present } = await fixture(t);
  await bus.initState(job, aState({ round: 4 }), never);
  await eventually('it is mirrored', () => present()?.state?.round === 4);
  await server.kill();
  await server.wipe();
  await server.start();
  await eventually('the bus is there, and empty', () => {
    const now = present();
    return now !== undefined && now.state === undefined;
  });
  await bus.initState(job, aState({ round: 5 }), never);
  await eventually('the new record is mirrored', () => present()?.state?.round === 5);
  t.pass();
});

test('so is one that has turned the operator away meanwhile, so that it connects anew', async (t) => {
  const { server, bus, errors, present } = await fixture(t, 'known');
  await bus.initState(job, aState({ round: 4 }), never);
  await eventually('it is mirrored', () => present()?.state?.round === 4);
  await server.kill();
  await server.wipe();
  await server.start(['--auth', 'other']);
  const isTurnedAway = () => errors.some((error) => /turned this connection away/.test(`${error}`));
  await eventually('it is turned away for good', isTurnedAway, { withinMs: 30_000 });
  await server.kill();
  await server.start(['--auth', 'known']);
  await eventually(
    'the bus is there, and empty',
    () => {
      const now = present();
      return now !== undefined && now.state === undefined;
    },
    { withinMs: 60_000 },
  );
  t.pass();
});
