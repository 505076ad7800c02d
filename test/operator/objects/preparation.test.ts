import test from 'ava';
import { preparesInWorker } from '../../../operator/objects/preparation.ts';
import { workerJob } from '../../../operator/objects/worker-job.ts';
import { aBuiltJob, someSettings } from '../../builders/built-job.ts';
import { type Changes, preparingAlone } from '../../builders/job.ts';

const may = (changes: Changes) =>
  preparesInWorker(aBuiltJob({ ...preparingAlone, ...changes }), someSettings);

test('an only worker prepares for itself where claims hold all that is read', (t) => {
  t.true(may({}));
  t.true(may({ 'model.source': { image: { reference: 'registry.example.com/model@sha256:1' } } }));
});

test('what has to be fetched, and what a Secret opens, is left to a pod of its own', (t) => {
  const hub = { huggingFace: { repository: 'owner/model' } };
  const bucket = { s3: { uri: 's3://data/eval' } };
  t.false(may({ 'model.source': hub }));
  t.false(may({ 'dataset.train': bucket }));
  t.false(may({ 'dataset.eval': bucket }));
});

test('devices, other workers and queues do not wait for it', (t) => {
  t.false(may({ 'worker.devicesPerWorker': 1 }));
  t.false(may({ 'worker.replicas': 2 }));
  t.false(
    may({ 'worker.elasticity': 'Live', 'worker.minReplicas': 1, 'worker.maxReplicas': 2 }),
    'it may become several',
  );
  t.false(may({ 'scheduling.queueName': 'team' }));
  t.false(may({ 'scheduling.auxiliaryQueueName': 'team' }));
});

test('where the memory is for a plan to say, or does not do for it, it runs by itself first', (t) => {
  t.false(may({ 'worker.resources': undefined }));
  t.false(may({ 'worker.resources': { limits: { memory: '256Mi' } } }));
  t.true(may({ 'worker.resources': { requests: { memory: '512Mi' } } }));
});

const templateOf = (changes: Changes = {}) => {
  const job = workerJob({
    job: aBuiltJob({ ...preparingAlone, ...changes }),
    ...{
      settings: someSettings,
      workerRevision: 1,
      replicas: 1,
      gang: undefined,
      excludedNodes: [],
    },
    ...{ grown: 1, trainedParameters: undefined },
  });
  return job.spec.template.spec;
};

test('the container that prepares is held as the worker is, and asks for no more than it', (t) => {
  const { initContainers = [], containers } = templateOf();
  const [first, ...others] = initContainers;
  t.deepEqual(others, []);
  t.is(first?.name, 'prepare');
  t.deepEqual(first?.args, ['prepare']);
  t.deepEqual(first?.securityContext, containers[0]?.securityContext);
  t.is(first?.resources?.limits?.['memory'], containers[0]?.resources?.limits?.['memory']);
  t.is(first?.resources?.requests?.['memory'], '512Mi');
});

test('data on a claim of its own is seen by that container alone, and only to be read', (t) => {
  const data = { persistentVolumeClaim: { claimName: 'data', path: 'train.jsonl' } };
  const { initContainers = [], containers, volumes } = templateOf({ 'dataset.train': data });
  const claim = volumes?.find(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === 'data',
  );
  const mounts = (container: { volumeMounts?: readonly { name: string }[] } | undefined) =>
    container?.volumeMounts?.filter(({ name }) => name === claim?.name);
  t.like(mounts(initContainers[0]), [{ readOnly: true }]);
  t.deepEqual(mounts(containers[0]), []);
});

test('no variable of it names a Secret', (t) => {
  for (const { env = [] } of templateOf().initContainers ?? []) {
    t.false(env.some(({ valueFrom }) => valueFrom?.secretKeyRef !== undefined));
  }
});
