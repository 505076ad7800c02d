import test from 'ava';
import { drawOf, gangOf } from '../../../operator/job/gang.ts';
import { decided } from '../../builders/decided.ts';
import { aSpec, type Changes } from '../../builders/job.ts';
import {
  aChildJob,
  aPodOf,
  conditionsOf,
  quietSite,
  seconds,
  training,
} from '../../builders/job-facts.ts';

const bus = { url: 'u', port: 1, namespace: undefined };
const site = { ...quietSite, settings: { ...quietSite.settings, bus } };
const three = { 'worker.replicas': 3 };

test('the best scheduler that the cluster offers is taken, a queue before all of them', (t) => {
  const gang = (spec: Changes, gangs: typeof quietSite.gangs = []) =>
    gangOf(aSpec(spec), { ...quietSite, gangs });
  t.is(gang(three, ['Volcano', 'Native']), 'Native');
  t.is(gang(three, ['Volcano']), 'Volcano');
  t.is(gang(three), 'Fallback');
  t.is(gang({ ...three, 'scheduling.queueName': 'q' }, ['Native']), 'Queue');
  t.is(gang({ ...three, 'scheduling.gang': 'None' }, ['Native']), 'None');
  t.is(gang({}, ['Native']), 'Fallback', 'one worker is no gang');
});

const placed = (count: number, spec: Changes = three, age = 600) =>
  training({
    spec,
    site,
    status: { startTime: undefined, conditions: conditionsOf({ PodsReady: '!Pending' }) },
    bus: { type: 'Away', since: seconds(0) },
    workers: [aChildJob({ parallelism: 3, startedAt: seconds(-age) }, spec)],
    pods: [0, 1, 2].map((index) =>
      index < count
        ? aPodOf({ index })
        : aPodOf({
            ...{ index, ready: false, phase: 'Pending', node: undefined, scheduledAt: undefined },
            unschedulable: '0/2 nodes are available',
          }),
    ),
  });

test('a gang that found no nodes in time is taken away, and comes back after a pause', (t) => {
  const early = decided(placed(2, three, 599));
  t.is(early.wakeAt, seconds(1));
  t.is(early.phase, 'Running');
  const facts = placed(2);
  const first = decided(facts);
  t.is(first.phase, 'Queued');
  t.is(first.is('Stalled'), 'True/GangTimeout');
  t.deepEqual(
    first.words.filter((word) => word.startsWith('Delete')),
    ['Delete Job first-w1'],
  );
  const start = Date.parse(first.status.restarts?.nextStartTime ?? '');
  t.true(start >= seconds(30) && start <= seconds(30 * 1.5 + 1));
  const waiting = { ...facts, workers: [], pods: [], job: { ...facts.job, status: first.status } };
  const second = decided({ ...waiting, now: seconds(29) });
  t.is(second.phase, 'Queued');
  t.is(second.wakeAt, start);
  t.false(second.words.some((word) => word.startsWith('Create Job')));
  const third = decided({ ...waiting, now: start });
  t.true(third.words.includes('Create Job first-w2'));
  t.is(third.is('Stalled'), 'False/Moving');
});

test('the pauses grow, and two jobs do not make the same ones', (t) => {
  const pause = (attempts: number) => {
    const facts = placed(0);
    const restarts = { schedulingAttempts: attempts };
    const { status } = decided({
      ...facts,
      job: { ...facts.job, status: { ...facts.job.status, restarts } },
    });
    return (Date.parse(status.restarts?.nextStartTime ?? '') - facts.now) / 1000;
  };
  t.true(pause(1) >= 60 && pause(1) <= 91);
  t.true(pause(9) >= 600 && pause(9) <= 901);
  const draws = Array.from({ length: 100 }, (_, index) => drawOf(`job-${index}`, 1));
  t.true(draws.every((draw) => draw >= 0 && draw < 1));
  t.is(new Set(draws.map((draw) => Math.floor(draw * 4))).size, 4);
});

test('a gang that all found nodes is never taken away for it, whatever is lost later', (t) => {
  const { words, status } = decided(placed(3));
  t.false(words.some((word) => word.startsWith('Delete')));
  t.is(status.restarts?.schedulingAttempts, undefined);
});

test('a pod that is lost long after the start gets as much time again for its replacement', (t) => {
  const facts = training({ pods: [] });
  const lost = decided(facts);
  t.false(lost.words.some((word) => word.startsWith('Delete')));
  t.is(lost.is('PodsReady'), 'False/Pending');
  t.is(lost.wakeAt, seconds(600));
  const later = { ...facts, job: { ...facts.job, status: lost.status } };
  const never = decided({ ...later, now: seconds(600) });
  t.is(never.is('Stalled'), 'True/GangTimeout');
  t.true(never.words.includes('Delete Job first-w1'));
});

test('without a gang the job fails when its time for nodes is over', (t) => {
  const { is, message } = decided(placed(0, { ...three, 'scheduling.gang': 'None' }));
  t.is(is('Failed'), 'True/Unschedulable');
  t.regex(message('Failed') ?? '', /^3 of 3 workers found no node within 600 s: 0\/2 nodes/);
});

test('a native gang is created before its Job, and that of an old revision is removed', (t) => {
  const group = { kind: 'PodGroup', name: 'first-w1', uid: 'g', content: undefined } as const;
  const facts = training({
    spec: three,
    site: { ...site, gangs: ['Native'] },
    bus: { type: 'Away', since: seconds(0) },
    status: { workerRevision: 2, jobRef: undefined },
    ...{ workers: [], pods: [], children: [group] },
  });
  const { words } = decided(facts);
  t.true(words.includes('Delete PodGroup first-w1'));
  t.true(words.indexOf('Create PodGroup first-w2') < words.indexOf('Create Job first-w2'));
  t.true(words.includes('Create PodGroup first-w2'));
});
