import test from 'ava';
import { timeText } from '../../../operator/runtime/conditions.ts';
import { decided } from '../../builders/decided.ts';
import {
  aBus,
  aPodOf,
  aState,
  conditionsOf,
  now,
  seconds,
  someFacts,
  training,
  trainingStatus,
} from '../../builders/job-facts.ts';

const fresh = {
  startTime: undefined,
  conditions: conditionsOf({ Running: '!WaitingForMembers' }),
} as const;

test('without a bus the job trains when its worker is ready', (t) => {
  const notReady = aPodOf({ ready: false, waiting: { reason: 'ContainerCreating', message: '' } });
  const starting = decided(training({ status: fresh as never, pods: [notReady] }));
  t.is(starting.phase, 'Starting');
  t.is(starting.status.startTime, undefined);
  const running = decided(training({ status: fresh as never }));
  t.is(running.phase, 'Running');
  t.is(running.status.startTime, timeText(now));
  const lost = decided(training({ pods: [notReady] }));
  t.is(lost.phase, 'Restarting');
});

test('a committed world trains, an open round waits for members', (t) => {
  const running = decided(training({ status: fresh as never, bus: aBus() }));
  t.is(running.phase, 'Running');
  t.is(running.message('Running'), '1 worker trains in round 1');
  t.like(running.status.rendezvous, { round: 1, worldSize: 1, openedBy: 'operator' });
  const opened = { by: 'first-w1-1', cause: 'Hang', at: timeText(now) } as const;
  const open = aBus({ state: aState({ round: 2, opened, world: undefined }) });
  const restarting = decided(training({ bus: open }));
  t.is(restarting.phase, 'Restarting');
  t.is(restarting.is('Restarting'), 'True/Hang');
  t.is(restarting.status.rendezvous?.worldSize, undefined);
  const facts = training({ bus: aBus({ state: aState({ round: 2 }) }) });
  const again = decided({ ...facts, job: { ...facts.job, status: restarting.status } });
  t.is(again.phase, 'Running');
  t.is(again.is('Restarting'), 'False/Restarted');
});

test('each device of a worker is a rank', (t) => {
  const spec = { 'worker.devicesPerWorker': 4 };
  const running = decided(training({ status: fresh as never, spec, bus: aBus() }));
  t.is(running.message('Running'), '1 worker trains on 4 devices in round 1');
  t.like(running.status.rendezvous, { worldSize: 4, targetWorkers: 1 });
});

test('the account on the bus is mirrored, with what the memory ladder did', (t) => {
  const restarts = {
    ...aState().restarts,
    counted: 2,
    lastCause: 'Hang',
    lastRecoverySeconds: 7.25,
  };
  const state = aState({ restarts, adjustments: ['microBatchSize 2'] });
  const before = { restarts: { counted: 1, excludedNodes: ['n7'], grown: 1 } };
  const { status } = decided(training({ bus: aBus({ state }), status: before }));
  t.like(status.restarts, { counted: 2, lastCause: 'Hang', lastRecoverySeconds: '7.3' });
  t.like(status.restarts, { excludedNodes: ['n7'], grown: 1 }, 'what only status knows');
  t.deepEqual(status.plan?.adjustments, ['microBatchSize 2']);
});

test('workers that are all there and do not agree are replaced, and it counts', (t) => {
  const opened = { by: 'operator', cause: 'Start', at: timeText(seconds(-299)) } as const;
  const state = aState({ opened, world: undefined });
  const facts = training({ bus: aBus({ state }), pods: [aPodOf({ createdAt: seconds(-400) })] });
  t.is(decided(facts).wakeAt, seconds(1));
  const late = decided({ ...facts, now: seconds(1) });
  t.true(late.words.includes('OpenRound 2 PodFailed'));
  t.true(late.words.includes('Delete Pod first-w1-0'));
  const next = late.calls.find((call) => call.type === 'OpenRound');
  t.is(next?.restarts.lastCause, 'PeerLost');
  const spec = { 'failurePolicy.maxRestarts': 0 };
  const last = decided({ ...training({ spec, bus: aBus({ state }) }), now: seconds(1) });
  t.is(last.is('Failed'), 'True/RestartBudgetExhausted');
  t.false(last.words.includes('Delete Pod first-w1-0'), 'its logs tell why');
});

test('workers have their time to agree from when the last of them came, and only once all are there', (t) => {
  const opened = { by: 'operator', cause: 'Start', at: timeText(seconds(-3600)) } as const;
  const state = aState({ opened, world: undefined });
  const facts = (ready: boolean) =>
    training({
      bus: aBus({ state, members: new Map() }),
      pods: [aPodOf({ createdAt: seconds(-299), ready })],
      ...(ready ? {} : { status: { conditions: conditionsOf({ PodsReady: '!Pending' }) } }),
    });
  t.is(decided(facts(true)).wakeAt, seconds(1));
  t.true(decided({ ...facts(true), now: seconds(1) }).words.includes('OpenRound 2 PodFailed'));
  const waiting = decided({ ...facts(false), now: seconds(1) });
  t.false(waiting.words.some((word) => word.startsWith('OpenRound')));
});

test('a bus that is away leaves a training world alone, and is told when something waits for it', (t) => {
  const away = (ago: number) => ({ type: 'Away', since: seconds(-ago) }) as const;
  const running = decided(training({ bus: away(10_000) }));
  t.is(running.phase, 'Running');
  t.is(running.is('Stalled'), undefined);
  const pods = [aPodOf({ ready: false })];
  t.is(decided(training({ bus: away(899), pods })).is('Stalled'), undefined);
  t.is(decided(training({ bus: away(900), pods })).is('Stalled'), 'True/BusUnavailable');
});

test('a bus that lost its memory is told the round and the checkpoint that status remembers', (t) => {
  const status = trainingStatus({
    rendezvous: { round: 5 },
    checkpoint: { latestStep: 40, round: 4, latestDigest: 'd', latestURI: 'step-40/round-4' },
  });
  const { calls } = decided(
    training({ status, bus: aBus({ state: undefined, members: new Map() }) }),
  );
  const init = calls.find((call) => call.type === 'InitState');
  t.is(init?.record.round, 6);
  t.like(init?.record.checkpoint, { step: 40, manifest: 'step-40/round-4' });
});

/** What is written where the bus has lost everything and status is as it is. */
function rewritten(status: Parameters<typeof trainingStatus>[0]) {
  const { calls } = decided(
    training({
      status: trainingStatus(status),
      bus: aBus({ state: undefined, members: new Map() }),
    }),
  );
  return calls.find((call) => call.type === 'InitState')?.record;
}

test('a bus that lost its memory gets a round beyond that of the checkpoint, and the memory plan in force', (t) => {
  const adjustments = ['ActivationRecomputation=Full'];
  const record = rewritten({
    rendezvous: { round: 3 },
    checkpoint: { latestStep: 40, round: 4 },
    plan: { ...trainingStatus().plan, adjustments },
  });
  t.is(record?.round, 5);
  t.deepEqual(record?.adjustments, adjustments);
});

test('a checkpoint that came after the last restart has forgiven it, although status shows it as it was', (t) => {
  const restarts = {
    ...{ counted: 2, sinceCommit: 2, lastCause: 'Hang', repeats: 2 },
    window: ['2026-01-01T11:50:00.500Z', '2026-01-01T11:55:00.500Z'],
  };
  const after = (latestTime: string) =>
    rewritten({ restarts, checkpoint: { latestStep: 4, round: 1, latestTime } })?.restarts;
  const forgiven = { counted: 2, window: restarts.window, sinceCommit: 0, repeats: 0 };
  t.like(after('2026-01-01T11:55:01Z'), forgiven);
  t.is(after('2026-01-01T11:55:01Z')?.lastCause, undefined);
  t.like(after('2026-01-01T11:55:00Z'), forgiven, 'its time has no fractions');
  t.like(after('2026-01-01T11:54:59Z'), { sinceCommit: 2, lastCause: 'Hang', repeats: 2 });
  t.like(rewritten({ restarts })?.restarts, { sinceCommit: 2 }, 'nothing was ever saved');
});

test('a record of a later revision is left alone by one that has not heard of it', (t) => {
  const state = aState({ workerRevision: 3, round: 7, world: undefined });
  const { words } = decided(training({ bus: aBus({ state, members: new Map() }) }));
  t.false(words.some((word) => word.startsWith('OpenRound')));
});

test('a world that says nothing for twice the time of a hang is stalled', (t) => {
  const progress = { updatedAt: timeText(seconds(-1199)) };
  const facts = training({ bus: aBus(), status: { progress } });
  t.is(decided(facts).is('Stalled'), undefined);
  t.is(decided({ ...facts, now: seconds(1) }).is('Stalled'), 'True/NoSteps');
  const world = { key: 'k', digest: 'd', size: 1, committedAt: timeText(seconds(-100)) };
  const anew = { ...facts, now: seconds(1), bus: aBus({ state: aState({ world }) }) };
  const { status } = decided(anew);
  t.is(
    decided({ ...anew, job: { ...facts.job, status } }).is('Stalled'),
    'False/Moving',
    'a world that was formed anew has as much time',
  );
});

test('the first workers find the records that they need', (t) => {
  const status = trainingStatus({ jobRef: undefined, startTime: undefined, conditions: [] });
  const { words } = decided(
    someFacts({ status, bus: aBus({ state: undefined, members: new Map() }) }),
  );
  t.deepEqual(words.slice(-3), [
    'Create Job first-w1',
    'InitState 1',
    'WriteDesired None workers=1 save=0',
  ]);
});
