// Who writes the result, and what becomes of it: the first worker where that is an adapter on a
// claim, else a Job of its own.
import test from 'ava';
import { adapterSpec } from '../../../crds/api/adapter.ts';
import type { FineTuneJobStatus } from '../../../crds/api/status.ts';
import { sizesOf } from '../../../crds/plan/model-sizes.ts';
import { publishesInWorker } from '../../../crds/plan/publication.ts';
import { decided } from '../../builders/decided.ts';
import { smol135 } from '../../builders/facts.ts';
import { aSpec } from '../../builders/job.ts';
import {
  aBus,
  aChildJob,
  aPodOf,
  aState,
  ended,
  now,
  quietSite,
  seconds,
  training,
} from '../../builders/job-facts.ts';

test('an adapter that goes to a claim is written by the worker; what is merged, converted or uploaded is not', (t) => {
  const by = (changes: Parameters<typeof aSpec>[0]) => publishesInWorker(aSpec(changes));
  t.true(by({}));
  t.true(by({ 'output.formats': ['PEFTAdapter'] }));
  t.false(by({ 'output.formats': ['PEFTAdapter', 'MergedSafetensors'] }));
  t.false(by({ 'output.formats': ['GGUF'] }));
  t.false(by({ 'method.preset': 'Full' }), 'a whole model');
  t.false(by({ 'output.pushToHub': { repository: 'a/b', tokenSecretRef: { name: 'hub' } } }));
  t.false(by({ 'output.destination': { s3: { uri: 's3://out/a' } } }));
  t.false(by({ 'worker.devicesPerWorker': 1 }), 'its host has no room for the model');
});

const succeeded = { type: 'Succeeded', reason: 'Finished', step: 20 } as const;
const withResult = aBus({ state: aState({ result: succeeded as never }) });
const complete = { type: 'Complete', at: now, reason: '', message: '' } as const;
const artifacts = [{ type: 'PEFTAdapter', uri: 'pvc://notes/out', bytes: 12 }];
const finished = { reason: 'Finished', step: 20 } as const;
const hasPublished = ended(0, { terminationMessage: { v: 1, finished, published: { artifacts } } });
const hasFinished = ended(0, { terminationMessage: { v: 1, finished } });

test('while the worker writes the result no Job is made for it', (t) => {
  const { phase, words, is, message } = decided(training({ bus: withResult }));
  t.is(phase, 'Publishing');
  t.is(is('Published'), 'False/InWorker');
  t.is(message('Published'), 'the worker writes the result before it ends');
  t.false(words.some((word) => word.includes('Job')));
});

test('its termination message ends the job, once its Job has seen them too', (t) => {
  const pods = [aPodOf(hasPublished)];
  const early = decided(training({ bus: withResult, pods }));
  t.is(early.phase, 'Publishing');
  t.is(early.wakeAt, seconds(29));
  const late = decided({ ...training({ bus: withResult, pods }), now: seconds(29) });
  t.is(late.phase, 'Succeeded');
  const workers = [aChildJob({ outcome: complete })];
  const { phase, status, words } = decided(training({ bus: withResult, pods, workers }));
  t.is(phase, 'Succeeded');
  t.deepEqual(status.artifacts, [{ type: 'PEFTAdapter', uri: 'pvc://notes/out', size: '12' }]);
  t.deepEqual(words, []);
});

test('the adapter is recorded as an object of its own, where the cluster has the kind', (t) => {
  const status: FineTuneJobStatus = {
    model: { digest: 'sha256:ab', family: 'llama' },

    progress: { evalLoss: '1.8' },
  };
  const published = [...artifacts, { type: 'GGUF', uri: 'pvc://notes/gguf' }];
  const end = ended(0, {
    terminationMessage: { v: 1, finished, published: { artifacts: published } },
  });
  const done = (hasAdapters: boolean, own = status) => {
    const workers = [aChildJob({ outcome: complete })];
    const site = { ...quietSite, hasAdapters };
    const facts = training({ bus: withResult, pods: [aPodOf(end)], workers, status: own, site });
    return decided(facts);
  };
  const { phase, calls } = done(true);
  t.is(phase, 'Succeeded');
  const [call] = calls;
  if (call?.type !== 'Record' || calls.length > 1) return t.fail(JSON.stringify(calls));
  t.is(call.manifest.metadata.name, 'first-uid-of-j');
  t.false('ownerReferences' in call.manifest.metadata, 'it outlives the job');
  t.deepEqual(adapterSpec.parse(call.manifest['spec']), {
    job: { name: 'first', uid: 'uid-of-job' },
    base: { digest: 'sha256:ab', family: 'llama' },
    ...{
      type: 'LoRA',
      method: 'LoRA r=16 on all linear layers, AdamW, bfloat16',
      heldOutLoss: '1.8',
    },
    forms: [{ type: 'PEFTAdapter', uri: 'pvc://notes/out', size: '12' }],
  });
  const pruned = { digest: 'sha256:cd', wholeDigest: 'sha256:ab', revision: 'c', family: 'llama' };
  t.deepEqual(done(true, { ...status, model: pruned }).calls, calls, 'for the whole of a base');
  const told = { facts: smol135, storedBfloat16: 7 };
  const sized = ended(0, {
    terminationMessage: { v: 1, finished, published: { artifacts: published, model: told } },
  });
  const withSizes = decided(
    training({
      ...{ bus: withResult, pods: [aPodOf(sized)], workers: [aChildJob({ outcome: complete })] },
      ...{ status, site: { ...quietSite, hasAdapters: true } },
    }),
  ).calls[0];
  if (withSizes?.type !== 'Record') return t.fail();
  const { base } = adapterSpec.parse(withSizes.manifest['spec']);
  t.deepEqual(base.sizes, sizesOf(told));
  t.deepEqual(done(false).calls, []);
  t.deepEqual(done(true, { ...status, model: {} }).calls, [], 'of an unknown base');
});

test('what the evaluation of a result says is in the status, and a warning in the condition', (t) => {
  const evaluation = 'pass with a warning: KL divergence 0.0071 on 2,048 held-out tokens';
  const told = artifacts.map((one) => ({ ...one, verdict: 'Warn' as const, evaluation }));
  const end = ended(0, { terminationMessage: { v: 1, finished, published: { artifacts: told } } });
  const workers = [aChildJob({ outcome: complete })];
  const { status, is, message } = decided(
    training({ bus: withResult, pods: [aPodOf(end)], workers }),
  );
  t.is(is('Published'), 'True/UploadedWithWarning');
  t.is(
    message('Published'),
    'the result is at pvc://notes/out; its evaluation warns of PEFTAdapter',
  );
  t.like(status.artifacts?.[0], { verdict: 'Warn', evaluation });
});

test('a result that its evaluation refuses ends the job, and nothing tries again', (t) => {
  const message = 'GGUF, read back, has a KL divergence of 0.3; weights of 8 bits may have 0.02';
  const failure = { code: 'E_EVALUATION_GATE', reason: 'EvaluationGate', message };
  const outcome = { type: 'Failed', at: now, reason: 'PodFailurePolicy', message: '' } as const;
  const publisher = aPodOf({
    component: 'publish',
    ...ended(67, { terminationMessage: { v: 1, failure } }),
  });
  const found = decided(
    training({
      ...{ bus: withResult, pods: [publisher], spec: { 'output.formats': ['GGUF'] } },
      publishes: [aChildJob({ name: 'first-publish-1', number: 1, outcome })],
    }),
  );
  t.is(found.phase, 'Failed');
  t.is(found.is('Failed'), 'True/EvaluationGate');
  t.is(found.is('Published'), 'False/EvaluationGate');
  t.like(found.status.failure, { code: 'E_EVALUATION_GATE', message });
  t.false(found.words.some((word) => word.startsWith('Create')));
});

test('without a bus as with one', (t) => {
  const workers = [aChildJob({ outcome: complete })];
  const { phase, is } = decided(training({ pods: [aPodOf(hasPublished)], workers }));
  t.is(phase, 'Succeeded');
  t.is(is('Published'), 'True/Uploaded');
});

test('a worker that ended and did not write it leaves it to a Job', (t) => {
  const makes = (facts: Parameters<typeof training>[0]) =>
    decided(training({ bus: withResult, ...facts })).words.includes('Create Job first-publish-1');
  t.true(makes({ pods: [aPodOf(hasFinished)] }), 'one of an earlier version, or it could not');
  t.true(makes({ pods: [], workers: [] }), 'it is gone');
  t.true(makes({ pods: [aPodOf({ isDeleting: true })] }), 'it is going');
  t.true(makes({ pods: [aPodOf(ended(137))] }), 'it was killed at it');
  t.true(makes({ pods: [aPodOf()], spec: { 'output.formats': ['GGUF'] } }));
});

const bus = { url: 'u', port: 1, namespace: undefined };
const site = { ...quietSite, settings: { ...quietSite.settings, bus } };

test('several workers: the others end, and the first is waited for', (t) => {
  const spec = { 'worker.replicas': 2 };
  const pods = [aPodOf({ index: 0 }), aPodOf({ index: 1, ...hasFinished })];
  const { is, words } = decided(training({ bus: withResult, spec, pods, site }));
  t.is(is('Published'), 'False/InWorker');
  t.false(words.some((word) => word.includes('Job')));
});

test('a worker that finds no result any more does not write it: the bus lost its storage since', (t) => {
  const pods = [aPodOf({ index: 0 }), aPodOf({ index: 1, ...hasFinished })];
  const spec = { 'worker.replicas': 2 };
  for (const state of [undefined, aState()]) {
    const { is, words } = decided(training({ bus: aBus({ state }), spec, pods, site }));
    t.is(is('Published'), 'False/Publishing');
    t.true(words.includes('Create Job first-publish-1'));
  }
});

test('writing the result counts against the deadline of a job', (t) => {
  const spec = { activeDeadlineSeconds: 7200 };
  const of = (at: number) => decided({ ...training({ bus: withResult, spec }), now: at });
  t.is(of(now).wakeAt, seconds(3600));
  t.is(of(seconds(3600)).is('Failed'), 'True/DeadlineExceeded');
});
