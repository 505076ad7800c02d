import test from 'ava';
import {
  affinityOf,
  queueAnnotations,
  queueLabels,
  topologyAnnotations,
} from '../../../operator/objects/scheduling.ts';
import { aBuiltJob } from '../../builders/built-job.ts';

const anywhere = { excludedNodes: [], requirements: [] };
const topology = { key: 'rack', mode: 'Preferred' };

test('nodes that are avoided are ruled out in every term of the job', (t) => {
  const terms = (changes = {}) =>
    affinityOf(aBuiltJob(changes), { excludedNodes: ['n1'], requirements: [] })?.nodeAffinity
      ?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const not = { key: 'metadata.name', operator: 'NotIn', values: ['n1'] };
  t.deepEqual(terms(), [{ matchFields: [not] }]);
  const zone = { matchExpressions: [{ key: 'z', operator: 'Exists' }] };
  const required = {
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [zone] },
  };
  t.deepEqual(terms({ 'worker.affinity': { nodeAffinity: required } }), [
    { ...zone, matchFields: [not] },
  ]);
});

test('a demand on labels holds in every term of the job, beside nodes that are avoided', (t) => {
  const large = { key: 'nvidia.com/gpu.memory', operator: 'Gt', values: ['40000'] };
  const zone = (value: string) => ({ key: 'zone', operator: 'In', values: [value] });
  const terms = ['a', 'b'].map((value) => ({ matchExpressions: [zone(value)] }));
  const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } };
  const job = aBuiltJob({ 'worker.affinity': { nodeAffinity: required } });
  const found = affinityOf(job, { excludedNodes: ['n1'], requirements: [large] });
  const not = { key: 'metadata.name', operator: 'NotIn', values: ['n1'] };
  t.deepEqual(
    found?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms,
    ['a', 'b'].map((value) => ({
      ...{ matchExpressions: [zone(value), large], matchFields: [not] },
    })),
  );
});

test('a job that says nothing about nodes has no affinity', (t) => {
  t.is(affinityOf(aBuiltJob(), anywhere), undefined);
});

test('topology is a wish about pods without a queue, and the queue’s business with one', (t) => {
  const alone = aBuiltJob({ 'scheduling.topology': topology });
  const [wish] =
    affinityOf(alone, anywhere)?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  t.is(wish?.podAffinityTerm?.topologyKey, 'rack');
  t.deepEqual(topologyAnnotations(alone), {});
  const queued = aBuiltJob({ 'scheduling.topology': topology, 'scheduling.queueName': 'q' });
  t.is(affinityOf(queued, anywhere), undefined);
  t.deepEqual(topologyAnnotations(queued), { 'kueue.x-k8s.io/podset-preferred-topology': 'rack' });
});

test('the queue learns its name, its priority, and how far it may change the size', (t) => {
  t.deepEqual(queueLabels(aBuiltJob()), {});
  const range = { replicas: 4, minReplicas: 2, maxReplicas: 4 };
  const atStart = aBuiltJob({
    'scheduling.queueName': 'q',
    'scheduling.workloadPriorityClassName': 'p',
    worker: { ...range, elasticity: 'AtStart' },
  });
  t.deepEqual(queueLabels(atStart), {
    'kueue.x-k8s.io/queue-name': 'q',
    'kueue.x-k8s.io/priority-class': 'p',
  });
  t.is(queueAnnotations(atStart)['kueue.x-k8s.io/job-min-parallelism'], '2');
  const live = aBuiltJob({ 'scheduling.queueName': 'q', worker: { ...range, elasticity: 'Live' } });
  t.deepEqual(queueAnnotations(live), { 'kueue.x-k8s.io/elastic-job': 'true' });
});
