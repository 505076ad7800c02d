import test from 'ava';
import type { FineTuneJobSpec } from '../../../crds/api/job.ts';
import { pruning } from '../../../crds/api/pruning.ts';
import { quantization } from '../../../crds/api/quantization.ts';
import {
  refusedChanges,
  transitionRules,
  transitionsByObject,
} from '../../../crds/crd/mutability-rules.ts';
import { fieldDocs } from '../../../crds/explain/explain.ts';
import { aSpec, changed } from '../../builders/job.ts';
import { celHolds } from '../../doubles/cel.ts';

const rules = transitionRules();

function refusedByServer(before: FineTuneJobSpec, after: object): readonly string[] {
  return rules
    .filter(({ cel }) => !celHolds(cel, after, before))
    .map(({ path }) => ['spec', ...path].join('.'));
}

function bothRefuse(before: FineTuneJobSpec, after: object): readonly string[] | undefined {
  const ours = refusedChanges(before, after).map(({ path }) => path);
  const theirs = refusedByServer(before, after);
  return JSON.stringify(ours) === JSON.stringify(theirs) ? ours : undefined;
}

/** One other value for each part that some rule guards. */
const others: Readonly<Record<string, unknown>> = {
  model: { source: { s3: { uri: 's3://other' } } },
  'dataset.train': { s3: { uri: 's3://other' } },
  'dataset.eval': { s3: { uri: 's3://other' } },
  'dataset.heldOut': { samples: 3 },
  'dataset.format': 'Chat',
  'dataset.labels': ['a', 'b'],
  'dataset.maxSamples': 9,
  'dataset.chatTemplate': '{{ x }}',
  'dataset.chatTemplateArguments': { a: 'b' },
  'dataset.sequenceLength': 99,
  'dataset.restoration': { crop: 32 },
  'dataset.template': 'a drawing of a {}',
  'dataset.shots': 4,
  'dataset.augmentation': { flip: 'Horizontal' },
  'dataset.tracking': { maxGap: 9 },
  'dataset.audioSeconds': 9,
  'dataset.packing': 'Packed',
  'dataset.tokensPerSequence': 4096,
  'dataset.overlength': 'Fail',
  'dataset.invalidSamplePolicy': 'Fail',
  'dataset.shuffleSeed': 1,
  method: { preset: 'Full' },
  'training.maxSteps': 10,
  'training.epochs': '2',
  'training.globalBatchSize': 64,
  'training.globalBatchTokens': 4096,
  'training.microBatchSize': 2,
  'training.learningRate': '1e-4',
  'training.schedule': { type: 'Linear', warmupSteps: 0, minRatio: '0' },
  'training.gradientClip': { mode: 'Global', norm: '2' },
  'training.seed': 1,
  'training.nonFinitePolicy': { action: 'Fail' },
  'training.evaluation': { intervalSteps: 7 },
  'training.distillation': { weight: '0.7' },
  'training.trajectory': { steps: 10 },
  'training.architectureSearch': { warmupSteps: 10, learningRate: '1e-2' },
  'training.samples': { prompts: ['a'] },
  'parallelism.strategy': 'ZeRO1',
  'parallelism.tensorSize': 2,
  'parallelism.pipelineSize': 2,
  'parallelism.contextSize': 2,
  'parallelism.expertSize': 2,
  packing: { pool: 'another' },
  'parallelism.activationRecomputation': 'Full',
  'worker.replicas': 2,
  'worker.minReplicas': 1,
  'worker.maxReplicas': 4,
  'worker.elasticity': 'AtStart',
  'worker.devicesPerWorker': 2,
  'worker.deviceResourceName': 'amd.com/gpu',
  'worker.deviceMemory': '80Gi',
  'worker.resourceClaims': [{ name: 'a' }],
  'worker.image': 'a',
  'worker.imagePullPolicy': 'Never',
  'worker.imagePullSecrets': [{ name: 'a' }],
  'worker.resources': { limits: { memory: '1Gi' } },
  'worker.nodeSelector': { a: 'b' },
  'worker.tolerations': [{ key: 'a' }],
  'worker.affinity': { nodeAffinity: {} },
  'worker.topologySpreadConstraints': [],
  'worker.priorityClassName': 'a',
  'worker.runtimeClassName': 'a',
  'worker.serviceAccountName': 'a',
  'worker.terminationGracePeriodSeconds': 60,
  'worker.sharedMemorySize': '1Gi',
  'worker.env': [{ name: 'A', value: 'b' }],
  'worker.labels': { a: 'b' },
  'worker.annotations': { a: 'b' },
  'scheduling.auxiliaryQueueName': 'q',
  'scheduling.queueName': 'a',
  'scheduling.workloadPriorityClassName': 'a',
  'scheduling.gang': 'None',
  'scheduling.topology': { key: 'a', mode: 'Preferred' },
  storage: { scratch: { ephemeral: { size: '1Gi' } } },
  'checkpoint.destination': { s3: { uri: 's3://other' } },
  'checkpoint.memory': { mode: 'Local' },
  'checkpoint.resumeFrom': { job: 'a' },
  'output.formats': ['GGUF'],
  'output.gguf': { type: 'F16' },
  'output.quantization': quantization.parse({ bits: 8 }),
  'output.pruning': pruning.parse({ headsPercent: 50 }),
  'output.destination': { s3: { uri: 's3://other' } },
  'output.pushToHub': { repository: 'a/b' },
  evaluation: { profile: 'Strict', tokens: 32_768 },
  failurePolicy: { maxRestarts: 1 },
  network: { policy: 'Open' },
  managedBy: 'kueue.x-k8s.io/multikueue',
};

test('every guarded part has another value to try', (t) => {
  t.deepEqual(rules.map(({ path }) => path.join('.')).sort(), Object.keys(others).sort());
});

for (const { path: keys, mutability } of rules) {
  const path = keys.join('.');
  test(`an edit of a running job cannot change spec.${path}`, (t) => {
    const after = changed(aSpec(), { [path]: others[path] });
    t.deepEqual(bothRefuse(aSpec(), after), [`spec.${path}`]);
  });

  test(`spec.${path} is ${mutability}: an edit of a suspended job agrees`, (t) => {
    const before = changed(aSpec(), { suspend: true });
    const after = changed(before, { [path]: others[path] });
    t.deepEqual(bothRefuse(before, after), mutability === 'Immutable' ? [`spec.${path}`] : []);
  });
}

test('the rules of the API server hold exactly where all of them do, and name the part', (t) => {
  const transitions = transitionsByObject();
  const broken = (before: FineTuneJobSpec, after: object) =>
    transitions.filter(({ cel }) => !celHolds(cel, after, before));
  t.deepEqual(broken(aSpec(), aSpec()), []);
  for (const suspend of [false, true]) {
    const before = changed(aSpec(), { suspend });
    for (const { path } of rules) {
      const after = changed(before, { [path.join('.')]: others[path.join('.')] });
      const sentences = broken(before, after).map(({ path: at, message }) => `${at} ${message}`);
      t.is(sentences.length, refusedByServer(before, after).length, path.join('.'));
      for (const sentence of sentences) t.regex(sentence, new RegExp(`\\b${path.at(-1)}\\b`));
    }
  }
});

test('removing an optional part counts as a change', (t) => {
  const before = changed(aSpec(), { 'dataset.maxSamples': 10 });
  t.deepEqual(bothRefuse(before, aSpec()), ['spec.dataset.maxSamples']);
});

test('an edit that changes nothing is always allowed', (t) => {
  t.deepEqual(bothRefuse(aSpec(), aSpec()), []);
});

test('replicas of a live job may change at any time', (t) => {
  const live = changed(aSpec(), { 'worker.elasticity': 'Live' });
  t.deepEqual(bothRefuse(live, changed(live, { 'worker.replicas': 3 })), []);
});

test('what is live may change while the job runs', (t) => {
  const after = changed(aSpec(), {
    suspend: true,
    'checkpoint.retain.latest': 9,
    'checkpoint.intervalSteps': 5,
    'scheduling.schedulingTimeoutSeconds': 9,
    ttlSecondsAfterFinished: 1,
    deletionPolicy: 'Save',
    'observability.logLevel': 'Debug',
  });
  t.deepEqual(bothRefuse(aSpec(), after), []);
});

test('changing the suspension and another field in one edit does not open a way around', (t) => {
  const after = changed(aSpec(), { suspend: true, 'worker.image': 'x' });
  t.deepEqual(bothRefuse(aSpec(), after), ['spec.worker.image']);
});

test('explain tells the same mutability as the rules', (t) => {
  for (const { path, mutability } of rules) {
    t.is(fieldDocs().get(['spec', ...path].join('.'))?.mutability, mutability, path.join('.'));
  }
});
