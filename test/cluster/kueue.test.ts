// A real Kueue decides about the workers of our jobs: it holds them back, admits them, preempts
// them for a more important job, and gets its quota back when a job is suspended.
import { thisSetup } from '../../cli/setup/setup.ts';
import { ensureKueue, installKueue } from '../setup/cluster/kueue.ts';
import { aJobIn, is, messageOf } from './a-job.ts';
import { getJson, installCrd, kubectl, never, programs } from './access.ts';
import { test } from './our-cluster.ts';
import { startOperator } from './running-operator.ts';
import { loadToyImage } from './toy-image.ts';

let kueue: AsyncDisposable | undefined;

test.before(async (t) => {
  t.timeout(600_000);
  await installCrd();
  await loadToyImage();
  const setup = thisSetup(never);
  kueue = await installKueue(await ensureKueue(setup), programs ?? '', never);
});

test.after.always(() => kueue?.[Symbol.asyncDispose]());

const api = 'kueue.x-k8s.io/v1beta1';

/**
 * Quota for one worker of ours in `research`, and plenty in `small` for what prepares and
 * publishes.
 */
async function aQueue(namespace: string): Promise<void> {
  const of = (kind: string, name: string, rest: object, place: object = {}) => ({
    ...{ apiVersion: api, kind, metadata: { name, ...place } },
    ...rest,
  });
  const clusterQueue = (name: string, cpu: string, memory: string) => {
    const resources = [
      { name: 'cpu', nominalQuota: cpu },
      { name: 'memory', nominalQuota: memory },
    ];
    return of('ClusterQueue', name, {
      spec: {
        namespaceSelector: {},
        preemption: { withinClusterQueue: 'LowerPriority' },
        resourceGroups: [
          { coveredResources: ['cpu', 'memory'], flavors: [{ name: 'any', resources }] },
        ],
      },
    });
  };
  const localQueue = (name: string, clusterQueue: string) =>
    of('LocalQueue', name, { spec: { clusterQueue } }, { namespace });
  const objects = [
    of('ResourceFlavor', 'any', {}),
    clusterQueue('all', '50m', '1Gi'),
    clusterQueue('aside', '8', '64Gi'),
    localQueue('research', 'all'),
    localQueue('small', 'aside'),
    of('WorkloadPriorityClass', 'urgent', { value: 1000, description: 'for the test' }),
  ];
  for (const object of objects)
    await kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
}

test('Kueue admits, holds back, preempts and gets its quota back', async (t) => {
  t.timeout(600_000);
  const small = { 'spec.worker.resources': { requests: { cpu: '50m', memory: '128Mi' } } };
  const queued = {
    ...small,
    'spec.scheduling.queueName': 'research',
    'spec.scheduling.auxiliaryQueueName': 'small',
  };
  const long = { supervise: { seconds: 900 } };
  const first = await aJobIn(t, long, queued);
  const { namespace } = first;
  await kubectl(['label', 'namespace', namespace, 'queued=yes']);
  await aQueue(namespace);
  await startOperator(t, namespace, { ANNEAL_FEATURES: 'kueueStatus' });
  await first.apply();
  await first.untilPhase('Running');
  t.is(is(await first.status(), 'QuotaReserved'), 'True/Admitted');

  const prepared = await getJson(namespace, 'jobs', 'first-init-1');
  t.like(prepared['metadata'], { labels: { 'kueue.x-k8s.io/queue-name': 'small' } });

  // Where Kueue manages all Jobs, one without a queue is suspended for good: it is told by name.
  const alone = first.another('alone', {}, small);
  await alone.apply();
  await alone.until('it is told', (now) => is(now, 'Stalled') === 'True/SuspendedElsewhere');
  t.regex(messageOf(await alone.status(), 'Stalled'), /^Job alone-init-1 was suspended/);
  await kubectl(['-n', namespace, 'delete', 'ftj', 'alone', '--timeout=60s']);

  // The quota is spent: the next one waits, and says so in the words of Kueue.
  const urgent = { ...queued, 'spec.scheduling.workloadPriorityClassName': 'urgent' };
  const second = first.another('second', { supervise: { seconds: 15 } }, urgent);
  const third = first.another('third', { supervise: { seconds: 5 } }, queued);
  await third.apply();
  await third.untilPhase('Queued');
  await third.until('its words are told', (now) => /quota/i.test(messageOf(now, 'QuotaReserved')));
  t.is(is(await third.status(), 'QuotaReserved'), 'False/Pending');

  // A more important one takes its place; what Kueue wrote into the Job is not written over.
  await second.apply();
  await first.until('it is preempted', (now) => is(now, 'QuotaReserved') === 'False/Preempted');
  await second.untilPhase('Running');
  const held = await getJson(namespace, 'jobs', 'first-w1');
  t.like(held, { spec: { suspend: true } });
  t.like(held['metadata'], { labels: { 'kueue.x-k8s.io/queue-name': 'research' } });
  await second.untilPhase('Succeeded');
  await first.untilPhase('Running');
  const { restarts, workerRevision } = await first.status();
  t.is(restarts?.counted, undefined, 'a preemption costs no restart');
  t.is(workerRevision, 1);

  // Suspended by a person, its quota is free at once.
  await first.patch({ suspend: true });
  await third.untilPhase('Succeeded');
  t.is((await first.status()).phase, 'Suspended');
  await first.patch({ suspend: false });
  await first.untilPhase('Running');
  t.is((await first.status()).workerRevision, 2);
});
