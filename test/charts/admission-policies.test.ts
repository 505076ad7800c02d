// The limits of a site, evaluated as the API server would: by an interpreter of CEL that is not ours, over the rendered expressions.
import { parse } from '@marcbachmann/cel-js';
import test from 'ava';
import { aWrittenJob, type Changes, changed } from '../builders/job.ts';
import { toCel } from '../doubles/cel.ts';
import { only, render } from './render.ts';

interface Policy {
  readonly spec: {
    readonly validations: readonly { readonly expression: string; readonly message: string }[];
    readonly matchConditions: readonly { readonly expression: string }[];
  };
}

async function policy(limits: object): Promise<Policy> {
  const objects = await render({ admissionPolicies: { enabled: true, ...limits } });
  return only(objects, 'ValidatingAdmissionPolicy') as unknown as Policy;
}

/** Messages of the rules that an object breaks. */
function broken({ spec }: Policy, object: unknown): readonly string[] {
  return spec.validations
    .filter(({ expression }) => evaluate(expression, { object }) !== true)
    .map(({ message }) => message);
}

function evaluate(expression: string, context: Readonly<Record<string, unknown>>): unknown {
  const entries = Object.entries(context).map(([key, value]) => [key, toCel(value)]);
  return parse(expression)(Object.fromEntries(entries));
}

const job = aWrittenJob();

/** Paths below spec. */
function jobWith(changes: Changes): Record<string, unknown> {
  return { ...job, spec: changed(job['spec'] as object, changes) };
}

interface Case {
  readonly limits: object;
  readonly allowed: readonly Changes[];
  readonly refused: readonly Changes[];
  readonly words: RegExp;
}

const cases: Readonly<Record<string, Case>> = {
  'images come from allowed registries': {
    limits: { imagePrefixes: ['registry.example.com/', 'mirror/'] },
    allowed: [{}, { 'worker.image': 'mirror/worker:1' }],
    refused: [{ 'worker.image': 'docker.io/x' }, { 'worker.image': 'evil/registry.example.com/x' }],
    words: /^spec\.worker\.image must begin with registry\.example\.com\/ or mirror\/ here$/,
  },
  'service accounts are named ones': {
    limits: { serviceAccountNames: ['trainer'] },
    allowed: [{}, { 'worker.serviceAccountName': 'trainer' }],
    refused: [{ 'worker.serviceAccountName': 'admin' }],
    words: /^spec\.worker\.serviceAccountName must be trainer here$/,
  },
  'repositories of the hub are those of a team': {
    limits: { hubRepositoryPrefixes: ['our/'] },
    allowed: [{ 'model.source': { huggingFace: { repository: 'our/model' } } }],
    refused: [{ 'model.source': { huggingFace: { repository: 'their/model' } } }],
    words: /^spec\.model\.source\.huggingFace\.repository must begin with our\/ here$/,
  },
  'buckets are on allowed services': {
    limits: { storageEndpoints: ['https://s3.example.com'] },
    allowed: [
      { 'output.destination': { s3: { uri: 's3://b', endpoint: 'https://s3.example.com' } } },
    ],
    refused: [{ 'output.destination': { s3: { uri: 's3://b', endpoint: 'https://evil' } } }],
    words: /^spec\.output\.destination\.s3\.endpoint must be https:\/\/s3\.example\.com here$/,
  },
  'lost nodes are handled in allowed ways': {
    limits: { nodeLostPolicies: ['Wait'] },
    allowed: [{}, { 'failurePolicy.nodeLostPolicy': 'Wait' }],
    refused: [{ 'failurePolicy.nodeLostPolicy': 'ForceReplace' }],
    words: /^spec\.failurePolicy\.nodeLostPolicy must be Wait here$/,
  },
  'devices are counted over all workers that a job may have': {
    limits: { maxDevices: 8 },
    allowed: [{ 'worker.replicas': 2, 'worker.devicesPerWorker': 4 }],
    refused: [
      { 'worker.replicas': 3, 'worker.devicesPerWorker': 4 },
      { 'worker.replicas': 1, 'worker.maxReplicas': 9, 'worker.devicesPerWorker': 1 },
    ],
    words: /more devices, over all workers, than the 8 that a job may have here$/,
  },
  'finished jobs do not stay for ever': {
    limits: { maxTtlSecondsAfterFinished: 3600 },
    allowed: [{ ttlSecondsAfterFinished: 60 }],
    refused: [{ ttlSecondsAfterFinished: 7200 }, { ttlSecondsAfterFinished: undefined }],
    words: /^spec\.ttlSecondsAfterFinished must be set here, and be at most 3600$/,
  },
};

for (const [title, { limits, allowed, refused, words }] of Object.entries(cases)) {
  test(title, async (t) => {
    const rules = await policy(limits);
    for (const changes of allowed) {
      t.deepEqual(broken(rules, jobWith(changes)), [], JSON.stringify(changes));
    }
    for (const changes of refused) {
      const said = broken(rules, jobWith(changes));
      t.true(
        said.some((each) => words.test(each)),
        `${JSON.stringify(changes)}: ${said.join()}`,
      );
    }
  });
}

test('what was allowed when it was written stays as long as its spec does', async (t) => {
  const { spec } = await policy({ maxDevices: 1 });
  const [{ expression } = { expression: '' }] = spec.matchConditions;
  const labelled = { ...job, metadata: { name: 'first', finalizers: ['anneal.dev/cleanup'] } };
  t.false(evaluate(expression, { object: labelled, oldObject: job }));
  t.true(evaluate(expression, { object: job, oldObject: null }));
  const larger = jobWith({ 'worker.replicas': 2 });
  t.true(evaluate(expression, { object: larger, oldObject: job }));
});

test('a limit can warn in place of refusing, in chosen namespaces', async (t) => {
  const selector = { matchLabels: { tier: 'shared' } };
  const objects = await render({
    admissionPolicies: {
      ...{ enabled: true, maxDevices: 8, actions: ['Warn', 'Audit'], namespaceSelector: selector },
    },
  });
  const { spec } = only(objects, 'ValidatingAdmissionPolicyBinding');
  t.deepEqual(spec.validationActions, ['Warn', 'Audit']);
  t.deepEqual(spec.matchResources.namespaceSelector, selector);
});
