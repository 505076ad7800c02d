import test from 'ava';
import { methodOf, modelOf } from '../../../cli/jobs/job.ts';
import { readJobObject } from '../../../cli/jobs/read-job-object.ts';
import { aWrittenJob, type Changes, changed } from '../../builders/job.ts';

const anObject = (changes: Changes = {}, metadata: object = {}): object => ({
  ...aWrittenJob(),
  metadata: { name: 'first', namespace: 'team-a', uid: 'u', ...metadata },
  spec: changed(aWrittenJob()['spec'] as object, changes),
});

test('a job that follows the schema is read whole', (t) => {
  const job = readJobObject(anObject());
  t.false('unread' in job);
  t.is(job.spec.training.learningRate, '2e-4');
});

test('a name that pods cannot have hides nothing: the API server took it', (t) => {
  const job = readJobObject(anObject({}, { name: 'qwen2.5-lora' }));
  t.is(job.name, 'qwen2.5-lora');
  t.is(job.unread, undefined);
});

test('a value that cannot be read is left out and told; what stands beside it is read', (t) => {
  const job = readJobObject(
    anObject({ 'worker.labels': { 'a b': 'x', team: 'nlp' }, 'worker.replicas': 3 }),
  );
  t.regex(job.unread!.message, /^spec\.worker\.labels\["a b"\] is a key that is not allowed/);
  t.deepEqual(job.spec.worker.labels, { team: 'nlp' });
  t.is(job.spec.worker.replicas, 3);
  t.is(methodOf(job).name, 'lora');
});

test('a method and a model of another version are not taken for ones of this', (t) => {
  const job = readJobObject(
    anObject({ 'method.preset': 'Newest', 'model.source': { ipfs: { hash: 'x' } } }),
  );
  t.deepEqual([methodOf(job).name, modelOf(job)], ['?', '?']);
  t.is(job.spec.training.epochs, '1');
});

test('a status that cannot be read leaves its other fields', (t) => {
  const status = { phase: 'Running', progress: { step: 'many', totalSteps: 30 } };
  const job = readJobObject({ ...anObject(), status });
  t.deepEqual(job.status.progress, { totalSteps: 30 });
  t.is(job.status.phase, 'Running');
  t.regex(job.unread!.message, /^status\.progress\.step is many; /);
});

test('whatever is stored has a name that commands can act on', (t) => {
  const odd: readonly object[] = [
    {},
    { metadata: { name: 'first' } },
    { metadata: { name: 'first' }, spec: 'none' },
    { metadata: { name: 'first' }, spec: { model: 1, dataset: [], worker: { env: [1, {}, 'x'] } } },
    { metadata: { name: 'first' }, spec: aWrittenJob()['spec'], status: [] },
    anObject({ training: { epochs: '1', maxSteps: 5, learningRate: 'fast' } }),
  ];
  for (const object of odd) {
    const job = readJobObject(object);
    t.is(job.name, object === odd[0] ? '' : 'first');
    t.truthy(job.unread?.message, JSON.stringify(object));
    t.notThrows(() => [methodOf(job), modelOf(job)]);
  }
});
