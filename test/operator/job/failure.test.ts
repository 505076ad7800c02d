import test from 'ava';
import { failureOf } from '../../../crds/failures/table.ts';
import { maxLost } from '../../../crds/wire/state.ts';
import type { Facts } from '../../../operator/job/facts.ts';
import { timeText } from '../../../operator/runtime/conditions.ts';
import { decided } from '../../builders/decided.ts';
import type { Changes } from '../../builders/job.ts';
import {
  aBus,
  aChildJob,
  aMember,
  aPodOf,
  aState,
  ended,
  now,
  seconds,
  training,
  trainingStatus,
} from '../../builders/job-facts.ts';

const failedPod = (exitCode: number, changes: object = {}) =>
  aPodOf({ name: 'first-w1-0-old', uid: 'uid-w1-0', ...ended(exitCode, changes) });

/** One pod failed and the Job controller counted it. */
const alone = (
  exitCode: number,
  more: { spec?: Changes; status?: object; end?: object } = {},
): Facts =>
  training({
    ...(more.spec === undefined ? {} : { spec: more.spec }),
    status: more.status ?? {},
    workers: [aChildJob({ failed: 1 }, more.spec)],
    pods: [failedPod(exitCode, more.end)],
  });

const withState = (state: object, exitCode = 70, more: object = {}): Facts =>
  training({ bus: aBus({ state: aState(state) }), pods: [failedPod(exitCode)], ...more });

const restartsOf = (changes: object) => ({ restarts: { ...aState().restarts, ...changes } });

test('a pod that ended badly costs one restart, once', (t) => {
  const facts = alone(70);
  const first = decided(facts);
  t.is(first.status.restarts?.counted, 1);
  t.is(first.status.restarts?.lastCause, 'InternalError');
  t.deepEqual(first.status.restarts?.podFailures, { workerRevision: 1, count: 1 });
  const second = decided({ ...facts, job: { ...facts.job, status: first.status } });
  t.is(second.status.restarts?.counted, 1);
  t.deepEqual(second.status, first.status);
});

test('two pods that failed together are one incident', (t) => {
  const facts = alone(70);
  const { status } = decided({
    ...facts,
    workers: [aChildJob({ failed: 2 })],
    pods: [failedPod(70), failedPod(76)],
  });
  t.is(status.restarts?.counted, 1);
});

test('of several pods that failed the one that failed last is the incident', (t) => {
  const at = (exitCode: number, secondsAgo: number) =>
    failedPod(exitCode, { finishedAt: seconds(-secondsAgo) });
  const lastCause = (...pods: readonly ReturnType<typeof failedPod>[]) =>
    decided({ ...alone(70), pods }).status.restarts?.lastCause;
  t.is(lastCause(at(76, 5), at(70, 9)), 'Hang');
  t.is(lastCause(at(76, 9), at(70, 5)), 'InternalError');
});

test('what was dealt with in an earlier revision says nothing of this one', (t) => {
  const podFailures = { workerRevision: 1, count: 4 };
  const pods = [aPodOf({ number: 2, uid: 'uid-w2-0', ...ended(70) })];
  const workers = [aChildJob({ number: 2, failed: 1 })];
  const status = trainingStatus({ restarts: { counted: 4, podFailures } }, {}, 2);
  const { restarts } = decided(training({ status, workers, pods })).status;
  t.like(restarts, { counted: 5, podFailures: { workerRevision: 2, count: 1 } });
});

test('without a bus nobody tells of checkpoints, and so nobody misses them', (t) => {
  const status = { restarts: { counted: 5, sinceCommit: 5 } };
  const next = decided(alone(70, { status }));
  t.is(next.is('Failed'), undefined);
  t.is(next.status.restarts?.counted, 6);
});

test('a planned stop and a disruption cost nothing', (t) => {
  const stopped = decided(alone(75));
  t.is(stopped.status.restarts?.counted, undefined);
  const facts = training({
    pods: [aPodOf({ disruption: 'EvictionByEvictionAPI', ...ended(143) })],
  });
  t.is(decided(facts).status.restarts?.counted, undefined);
});

test('the budget of restarts ends the job, and not one restart earlier', (t) => {
  const window = (count: number) => Array.from({ length: count }, () => '2026-01-01T11:50:00Z');
  const spent = (count: number) => ({
    restarts: { counted: count, window: window(count), repeats: 1 },
  });
  t.is(decided(alone(70, { status: spent(9) })).is('Failed'), undefined);
  const { is, status } = decided(alone(70, { status: spent(10) }));
  t.is(is('Failed'), 'True/RestartBudgetExhausted');
  t.is(status.failure?.exitCode, 70);
  t.is(status.failure?.node, 'n1');
});

test('restarts from before the window are forgiven, unless the window is the whole life', (t) => {
  const old = Array.from({ length: 10 }, () => '2026-01-01T10:59:00Z');
  const status = { restarts: { counted: 10, window: old } };
  t.is(decided(alone(70, { status })).is('Failed'), undefined);
  const life = { 'failurePolicy.restartWindowSeconds': 0 };
  t.is(decided(alone(70, { status, spec: life })).is('Failed'), 'True/RestartBudgetExhausted');
});

test('no restarts are allowed where maxRestarts is 0', (t) => {
  const { is } = decided(alone(70, { spec: { 'failurePolicy.maxRestarts': 0 } }));
  t.is(is('Failed'), 'True/RestartBudgetExhausted');
});

test('memory of the machine: twice is bad luck, three times is the job, and Grow gives a quarter more', (t) => {
  const end = { reason: 'OOMKilled' };
  const before = (repeats: number) => ({
    restarts: { counted: repeats, lastCause: 'HostOutOfMemory', repeats },
  });
  t.is(decided(alone(137, { end, status: before(1) })).is('Failed'), undefined);
  t.is(decided(alone(137, { end, status: before(2) })).is('Failed'), 'True/HostOutOfMemory');
  const spec = { 'failurePolicy.hostOutOfMemoryPolicy': 'Grow' };
  const grown = decided(alone(137, { end, status: before(1), spec }));
  t.is(grown.status.restarts?.grown, 1);
  t.is(grown.status.workerRevision, 2);
  t.true(grown.words.includes('Delete Job first-w1'));
});

test('a device that fails twice in a row has its node avoided', (t) => {
  const first = decided(alone(71));
  t.is(first.status.restarts?.excludedNodes, undefined);
  const before = { counted: 1, sinceCommit: 1, lastCause: 'DeviceFault', repeats: 1 };
  const second = decided(alone(71, { status: { restarts: before } }));
  t.deepEqual(second.status.restarts?.excludedNodes, ['n1']);
  t.is(second.status.workerRevision, 2);
  const known = Array.from({ length: 64 }, (_, node) => `known-${node}`);
  const full = { restarts: { ...before, excludedNodes: known } };
  const { excludedNodes = [] } = decided(alone(71, { status: full })).status.restarts ?? {};
  t.deepEqual(
    excludedNodes,
    [...known.slice(1), 'n1'],
    'the one that was found first may do again',
  );
});

test('the node of a device that is broken is avoided after the first fault', (t) => {
  for (const code of ['E_DEVICE_LOST', 'E_DEVICE_MEMORY_FAULT'] as const) {
    const { reason } = failureOf(code);
    const failure = { code, reason, message: 'GPU is lost' };
    const end = { terminationMessage: { v: 1, failure } };
    t.deepEqual(decided(alone(71, { end })).status.restarts?.excludedNodes, ['n1'], code);
  }
});

test('a device without memory is not tried again: workers have tried the smaller plan', (t) => {
  const found = decided(alone(72));
  t.is(found.is('Failed'), 'True/DeviceOutOfMemory');
  t.is(found.status.restarts?.counted, undefined);
});

test('the pause before the next revision is a whole one, although status knows no fractions', (t) => {
  const status = { restarts: { counted: 1, sinceCommit: 1, lastCause: 'DeviceFault', repeats: 1 } };
  for (const fraction of [0, 1, 500, 999]) {
    const facts = { ...alone(71, { status }), now: now + fraction };
    const { nextStartTime = '' } = decided(facts).status.restarts ?? {};
    const pauseMs = Date.parse(nextStartTime) - facts.now;
    t.true(pauseMs >= 2000 && pauseMs < 3300, `${pauseMs} ms`);
  }
});

test('local disk that is full twice ends the job', (t) => {
  const end = {
    reason: 'Evicted',
    message: 'Pod ephemeral local storage usage exceeds the total limit',
  };
  t.is(decided(alone(137, { end })).is('Failed'), undefined);
  const status = { restarts: { counted: 1, lastCause: 'EphemeralStorageExceeded', repeats: 1 } };
  t.is(decided(alone(137, { end, status })).is('Failed'), 'True/EphemeralStorageExceeded');
});

test('the rules of a job come first: an exit code or a reason to fail, to ignore, to go elsewhere', (t) => {
  const rules = (rule: object) => ({ 'failurePolicy.rules': [rule] });
  const fail = decided(alone(76, { spec: rules({ onReasons: ['Hang'], action: 'Fail' }) }));
  t.is(fail.is('Failed'), 'True/Hang');
  const ignore = decided(alone(76, { spec: rules({ onReasons: ['Hang'], action: 'Ignore' }) }));
  t.is(ignore.status.restarts?.counted, undefined);
  const away = decided(
    alone(76, { spec: rules({ onReasons: ['Hang'], action: 'RestartExcludingNode' }) }),
  );
  t.deepEqual(away.status.restarts?.excludedNodes, ['n1']);
  const device = { 'failurePolicy.deviceOutOfMemoryPolicy': 'Fail' };
  t.is(decided(alone(72, { spec: device })).is('Failed'), 'True/DeviceOutOfMemory');
});

test('a permanent exit code ends the job with the termination message of the pod that the Job names', (t) => {
  const failure = {
    code: 'E_DIVERGED',
    reason: 'Diverged',
    message: 'loss was not finite 6 times',
    step: 12,
  };
  const message =
    'Container worker for pod team-a/first-w1-0-old failed with exit code 74 matching FailJob rule';
  const outcome = { type: 'Failed', at: now, reason: 'PodFailurePolicy', message } as const;
  const { is, status } = decided(
    training({
      workers: [aChildJob({ outcome, failed: 1 })],
      pods: [
        failedPod(74, { terminationMessage: { v: 1, failure } }),
        aPodOf({ index: 1, ...ended(143) }),
      ],
    }),
  );
  t.is(is('Failed'), 'True/Diverged');
  t.like(status.failure, {
    message: 'loss was not finite 6 times',
    step: 12,
    exitCode: 74,
    index: 0,
  });
});

test('of several pods that ended for good the one that the Job names is the failure', (t) => {
  const message = 'Container worker for pod team-a/first-w1-0-old failed with exit code 74';
  const outcome = { type: 'Failed', at: now, reason: 'PodFailurePolicy', message } as const;
  const named = failedPod(74, { finishedAt: seconds(-9) });
  const other = aPodOf({ name: 'first-w1-1-x', uid: 'x', index: 1, ...ended(77) });
  const workers = [aChildJob({ outcome, failed: 2 })];
  t.like(decided(training({ workers, pods: [named, other] })).status.failure, {
    ...{ exitCode: 74, index: 0 },
  });
});

const gaveUp = {
  type: 'Failed',
  at: now,
  reason: 'BackoffLimitExceeded',
  message: 'too many',
} as const;

test('a Job that gave up did so for a pod that failed, not for one that was evicted after it', (t) => {
  const failed = failedPod(76, { finishedAt: seconds(-9) });
  const evicted = aPodOf({ uid: 'x', index: 1, disruption: 'TaintManager', ...ended(143) });
  const workers = [aChildJob({ outcome: gaveUp, failed: 9 })];
  const { status } = decided(training({ workers, pods: [failed, evicted] }));
  t.is(status.restarts?.lastCause, 'Hang');
});

test('a Job that gave up leads to the next revision while there is budget', (t) => {
  const { status, words } = decided(
    training({ workers: [aChildJob({ outcome: gaveUp, failed: 9 })], pods: [] }),
  );
  t.is(status.workerRevision, 2);
  t.is(status.restarts?.counted, 1);
  t.true(words.includes('Delete Job first-w1'));
});

test('a failure that the workers agreed on is the end', (t) => {
  const result = { type: 'Failed', code: 'E_DATA', reason: 'Odd', message: 'm', index: 3 } as const;
  const { is, status } = decided(withState({ result }));
  t.is(is('Failed'), 'True/InternalError', 'a code of a newer worker is not ours to invent');
  t.is(status.failure?.index, 3);
});

test('of a failure that the workers agreed on status tells the node: that of the newest pod of the index', (t) => {
  const result = { type: 'Failed', code: 'E_DIVERGED', reason: 'Diverged', message: 'm' } as const;
  const pods = [
    failedPod(70),
    aPodOf({ name: 'first-w1-0-new', uid: 'new', createdAt: seconds(9), node: 'node-9' }),
  ];
  const told = (index: number) =>
    decided(withState({ result: { ...result, index } }, 70, { pods })).status.failure?.node;
  t.is(told(0), 'node-9');
  t.is(told(1), undefined, 'there is no pod of this index');
});

test('on a bus a failed member opens the next round, once', (t) => {
  const first = decided(withState({ round: 4 }));
  t.true(first.words.includes('OpenRound 5 PodFailed'));
  const opened = { by: 'operator', cause: 'PodFailed', at: '2026-01-01T12:00:00Z' } as const;
  const next = withState({
    round: 5,
    world: undefined,
    opened,
    ...restartsOf({ counted: 1 }),
  });
  const second = decided({
    ...next,
    bus: aBus({ state: aState({ round: 5, world: undefined, opened }), members: new Map() }),
  });
  t.false(second.words.some((word) => word.startsWith('OpenRound')));
});

test('a pod that fails while the bus is away is counted once: when the bus is back', (t) => {
  const facts = alone(70);
  const away = decided({ ...facts, bus: { type: 'Away', since: seconds(-60) } });
  t.is(away.status.restarts?.counted ?? 0, 0);
  const back = { ...facts, job: { ...facts.job, status: away.status }, bus: aBus() };
  const open = decided(back).calls.find((call) => call.type === 'OpenRound');
  t.like(open, { from: 1, cause: 'PodFailed', restarts: { counted: 1, sinceCommit: 1 } });
});

test('a round that the workers opened themselves is not opened again', (t) => {
  const opened = { by: 'w1', cause: 'MemberUnreachable', at: '2026-01-01T11:59:00Z' } as const;
  const state = aState({ round: 2, opened, world: undefined });
  const facts = training({
    bus: aBus({ state, members: new Map([[1, aMember(1)]]) }),
    pods: [failedPod(70)],
  });
  t.false(decided(facts).words.some((word) => word.startsWith('OpenRound')));
});

test('a pod that dies before it can join counts, so that a job cannot die at its start for ever', (t) => {
  const opened = { by: 'operator', cause: 'Start', at: '2026-01-01T11:59:00Z' } as const;
  const state = aState({ round: 1, opened, world: undefined });
  const pod = aPodOf({ uid: 'new', createdAt: seconds(-30), ...ended(70) });
  const { words } = decided(training({ bus: aBus({ state, members: new Map() }), pods: [pod] }));
  t.true(words.includes('OpenRound 2 PodFailed'));
});

test('a pod that is older than its round was dealt with when that was opened', (t) => {
  const opened = { by: 'w1', cause: 'MemberUnreachable', at: '2026-01-01T11:59:00Z' } as const;
  const state = aState({ round: 2, opened, world: undefined });
  for (const [age, isNew] of [
    [90, false],
    [61, false],
    [60, false],
    [59, true],
  ] as const) {
    const pod = aPodOf({ uid: 'old', createdAt: seconds(-age), ...ended(70) });
    const { words } = decided(training({ bus: aBus({ state, members: new Map() }), pods: [pod] }));
    t.is(words.includes('OpenRound 3 PodFailed'), isNew, `created ${age} s ago`);
  }
});

test('three counted restarts without a checkpoint end the job', (t) => {
  const recent = '2026-01-01T11:58:00Z';
  const two = decided(
    withState(restartsOf({ counted: 1, sinceCommit: 1, window: [recent] }), 70, {
      pods: [failedPod(70), aPodOf({ index: 1 })],
    }),
  );
  t.true(two.words.includes('OpenRound 2 PodFailed'));
  t.is(two.is('Failed'), undefined);
  const three = decided(
    withState(restartsOf({ counted: 2, sinceCommit: 2, window: [recent, recent] })),
  );
  t.is(three.is('Failed'), 'True/NoProgress');
});

test('a checkpoint forgives what came before it, although status did not hear of it yet', (t) => {
  const recent = '2026-01-01T11:58:00Z';
  const account = { counted: 2, window: [recent, recent] };
  const record = restartsOf({ ...account, sinceCommit: 0 });
  const status = { restarts: { ...account, sinceCommit: 2 } };
  const { is, calls } = decided(withState(record, 70, { status: trainingStatus(status) }));
  t.is(is('Failed'), undefined);
  const open = calls.find((call) => call.type === 'OpenRound');
  t.like(open?.restarts, { counted: 3, sinceCommit: 1 });
});

test('a member whose pod was evicted or deleted opens a round that is not counted', (t) => {
  const gone = decided(training({ bus: aBus(), pods: [] }));
  t.true(gone.words.includes('OpenRound 2 PodLost'));
  const open = gone.calls.find((call) => call.type === 'OpenRound');
  t.like(open?.restarts, { counted: 0, disruptions: 1 });
  t.deepEqual(open?.lost, ['uid-w1-0'], 'what still runs of it is told');
  const evicted = aPodOf({ disruption: 'PreemptionByScheduler', ...ended(143) });
  t.true(
    decided(training({ bus: aBus(), pods: [evicted] })).words.includes('OpenRound 2 Disruption'),
  );
});

test('a pod that was deleted by force ends by the signal of that, which is not counted', (t) => {
  const open = (exitCode: number, changes: object, end = {}) => {
    const pod = { ...failedPod(exitCode, end), ...changes };
    return decided(training({ bus: aBus(), pods: [pod] })).words.filter((word) =>
      word.startsWith('OpenRound'),
    );
  };
  for (const exitCode of [137, 143]) {
    t.deepEqual(open(exitCode, { isDeleting: true }), ['OpenRound 2 PodLost']);
    t.deepEqual(open(exitCode, {}), ['OpenRound 2 PodFailed'], 'nobody deleted it');
  }
  const isDeleting = { isDeleting: true };
  t.deepEqual(open(137, isDeleting, { reason: 'OOMKilled' }), ['OpenRound 2 PodFailed']);
  t.deepEqual(open(70, isDeleting), ['OpenRound 2 PodFailed'], 'it failed before');
});

test('a worker that ended on purpose opens a round that is not counted', (t) => {
  const stopped = decided(training({ bus: aBus(), pods: [failedPod(75)] }));
  t.true(stopped.words.includes('OpenRound 2 PodLost'));
  const rules = [{ onExitCodes: [70], action: 'Ignore' }];
  const spec = { 'failurePolicy.rules': rules };
  const ignored = decided(training({ spec, bus: aBus(), pods: [failedPod(70)] }));
  const open = ignored.calls.find((call) => call.type === 'OpenRound');
  t.is(open?.cause, 'Requested');
  t.is(open?.restarts.counted, 0);
});

test('a step to the next revision keeps its count, although the bus did not hear of it', (t) => {
  const before = restartsOf({ counted: 1, lastCause: 'DeviceFault', repeats: 1, sinceCommit: 1 });
  const facts = withState(before, 71);
  const { status, words } = decided(facts);
  t.is(status.workerRevision, 2);
  t.is(status.restarts?.counted, 2);
  t.true(words.includes('OpenRound 2 PodFailed'));
  const asked = decided(facts).calls.find((call) => call.type === 'OpenRound');
  t.is(asked?.workerRevision, 2, 'for the pods of the next revision');
  const next = decided({
    ...facts,
    now: seconds(600),
    job: { ...facts.job, status },
    workers: [],
    pods: [],
  });
  const open = next.calls.find((call) => call.type === 'OpenRound');
  t.like(open, { cause: 'Start', workerRevision: 2 });
  t.is(open?.restarts.counted, 2);
});

test('a record that knows of another size is ahead of a status that does not', (t) => {
  const record = restartsOf({ counted: 1, resizes: 2 });
  const status = trainingStatus({ restarts: { counted: 1, disruptions: 1 } });
  const { calls } = decided(withState(record, 70, { status }));
  const open = calls.find((call) => call.type === 'OpenRound');
  t.like(open?.restarts, { counted: 2, resizes: 2, disruptions: 0 });
});

test('a record that knows of a disruption more is ahead of a status that knows of another size', (t) => {
  const record = restartsOf({ counted: 1, disruptions: 2 });
  const status = trainingStatus({ restarts: { counted: 1, resizes: 1 } });
  const { calls } = decided(withState(record, 70, { status }));
  const open = calls.find((call) => call.type === 'OpenRound');
  t.like(open?.restarts, { counted: 2, disruptions: 2, resizes: 0 });
});

test('a member that joined a moment ago may not be in our list of pods yet', (t) => {
  for (const [age, isLost] of [
    [30, false],
    [60, false],
    [61, true],
  ] as const) {
    const member = { ...aMember(0), bootAt: timeText(seconds(-age)) };
    const { words } = decided(
      training({ bus: aBus({ members: new Map([[0, member]]) }), pods: [] }),
    );
    t.is(words.includes('OpenRound 2 PodLost'), isLost, `joined ${age} s ago`);
  }
});

test('of many lost members so many are told as the record holds', (t) => {
  const members = new Map(Array.from({ length: 30 }, (_, index) => [index, aMember(index)]));
  const { calls } = decided(training({ bus: aBus({ members }), pods: [] }));
  const open = calls.find((call) => call.type === 'OpenRound');
  t.is(open?.lost?.length, maxLost);
});

test('the first cause is kept, whatever follows', (t) => {
  const failure = { code: 'E_DIVERGED', reason: 'Diverged', message: 'first' };
  const status = trainingStatus({ failure });
  t.is(
    decided(alone(72, { spec: { 'failurePolicy.maxRestarts': 0 }, status })).status.failure
      ?.message,
    'first',
  );
});
