import test from 'ava';
import { decided } from '../../builders/decided.ts';
import {
  aBus,
  aChildJob,
  aPodOf,
  aState,
  now,
  quietSite,
  training,
} from '../../builders/job-facts.ts';

const claim = { persistentVolumeClaim: { claimName: 'c' } };

test('ready pods are counted for kubectl scale and for the column of kubectl get', (t) => {
  const { status, is } = decided(training());
  t.is(is('PodsReady'), 'True/AllReady');
  t.like(status.workers, { replicas: 1, ready: 1, failed: 0, summary: '1/1' });
  t.is(status.workers?.selector, 'anneal.dev/job-uid=uid-of-job,anneal.dev/component=worker');
});

test('why pods are not ready is counted by reason, the worst one first in the condition', (t) => {
  const pending = { ready: false, phase: 'Pending' as const };
  const { status, is } = decided(
    training({
      workers: [aChildJob({ parallelism: 3 })],
      pods: [
        aPodOf({ index: 0, ...pending, waiting: { reason: 'ContainerCreating', message: '' } }),
        aPodOf({ index: 1, ...pending, unschedulable: '0/3 nodes', scheduledAt: undefined }),
        aPodOf({ index: 2, ...pending, unschedulable: '0/3 nodes', scheduledAt: undefined }),
      ],
    }),
  );
  t.is(is('PodsReady'), 'False/Unschedulable');
  t.deepEqual(
    status.workers?.notReadyReasons?.map(({ reason, count }) => [reason, count]),
    [
      ['Pending', 1],
      ['Unschedulable', 2],
    ],
  );
});

test('that the only pod is gone, an hour after the start of its Job, is no refusal by a policy', (t) => {
  const { is } = decided(training({ pods: [], workers: [aChildJob({ active: 0, failed: 1 })] }));
  t.is(is('PodsReady'), 'False/Pending');
  t.is(is('Stalled'), undefined);
});

test('a pod of a lost node is replaced by force only where job and site both want it', (t) => {
  const lost = aPodOf({ isDeleting: true, nodeUnreachable: true, ready: false });
  const force = { 'failurePolicy.nodeLostPolicy': 'ForceReplace', 'checkpoint.destination': claim };
  const allowed = { ...quietSite, mayReplaceByForce: true };
  const words = (spec: object, site = allowed) =>
    decided(training({ spec: spec as never, site, pods: [lost] })).words.filter((word) =>
      word.includes('Pod '),
    );
  t.deepEqual(words(force), ['FailPod first-w1-0', 'Delete Pod first-w1-0']);
  t.deepEqual(words({}), []);
  t.deepEqual(words(force, quietSite), []);
  t.is(decided(training({ pods: [lost] })).is('PodsReady'), 'False/NodeLost');
});

test('a world that trains while a pod of it is not ready is degraded', (t) => {
  const facts = training({
    bus: aBus(),
    workers: [aChildJob({ parallelism: 2 })],
    pods: [aPodOf(), aPodOf({ index: 1, ready: false })],
  });
  t.is(decided(facts).is('Degraded'), 'True/FewerWorkers');
  t.is(decided(training({ bus: aBus() })).is('Degraded'), undefined);
});

const late = { ready: false };
const gone = { ready: false, isDeleting: true };
for (const [what, size, pods, trainsFor, expected] of [
  ['has not been looked at yet', 2, [{}, late], 5, undefined],
  ['is alone and has not been looked at yet', 1, [late], 29, undefined],
  ['is not ready after half a minute', 2, [{}, late], 31, 'True/FewerWorkers'],
  ['is being deleted', 2, [{}, gone], 5, 'True/FewerWorkers'],
  ['is gone', 2, [{}], 5, 'True/FewerWorkers'],
  ['has become ready', 2, [{}, {}], 5, undefined],
] as const) {
  test(`a pod of a world that has just begun to train ${what}`, (t) => {
    const committedAt = new Date(now - trainsFor * 1000).toISOString();
    const facts = training({
      bus: aBus({ state: aState({ world: { key: 'k', digest: 'd', size, committedAt } }) }),
      workers: [aChildJob({ parallelism: size })],
      pods: pods.map((changes, index) => aPodOf({ index, ...changes })),
    });
    const { is, wakeAt } = decided(facts);
    t.is(is('Degraded'), expected);
    if (expected === undefined && is('PodsReady')?.startsWith('False')) {
      t.is(wakeAt, now + (30 - trainsFor) * 1000);
    }
  });
}
