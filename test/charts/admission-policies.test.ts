// The limits of a site, evaluated as the API server would: by an interpreter of CEL that is not
// ours, over the rendered expressions.
import test from 'ava';
import { celOf, toCel } from '../doubles/cel.ts';
import { jobWith, limitCases, writtenJob } from './limit-cases.ts';
import { ofKind, only, render } from './render.ts';

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
  return celOf(expression)(Object.fromEntries(entries));
}

for (const [title, { limits, allowed, refused, words }] of Object.entries(limitCases)) {
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
  const labelled = {
    ...writtenJob,
    metadata: { name: 'first', finalizers: ['anneal.dev/cleanup'] },
  };
  t.false(evaluate(expression, { object: labelled, oldObject: writtenJob }));
  t.true(evaluate(expression, { object: writtenJob, oldObject: null }));
  const larger = jobWith({ 'worker.replicas': 2 });
  t.true(evaluate(expression, { object: larger, oldObject: writtenJob }));
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

test('servers have the limits that are about what a server has too, where the site runs them', async (t) => {
  const limits = {
    ...{ imagePrefixes: ['our/'], hubRepositoryPrefixes: ['our/'] },
    ...{ storageEndpoints: ['https://s3.example.com'], maxDevices: 2, queueNames: ['a'] },
  };
  const values = { admissionPolicies: { enabled: true, ...limits } };
  t.is(ofKind(await render(values), 'ValidatingAdmissionPolicy').length, 1);
  const objects = await render({ ...values, features: { adapterServers: true } });
  t.is(ofKind(objects, 'ValidatingAdmissionPolicyBinding').length, 2);
  const [, rules] = ofKind(objects, 'ValidatingAdmissionPolicy') as unknown as readonly Policy[];
  const said = (spec: object) => (rules === undefined ? ['none'] : broken(rules, { spec }));
  const source = (place: object, more: object = {}) => ({ model: { source: place }, ...more });
  const mine = source({ huggingFace: { repository: 'our/base' } });
  t.deepEqual(said({ ...mine, replicas: 2, devicesPerReplica: 1 }), []);
  const refused: readonly (readonly [object, RegExp])[] = [
    [source({ huggingFace: { repository: 'x/y' } }), /huggingFace\.repository must begin with our/],
    [source({ image: { reference: 'x/y' } }), /image\.reference must begin with our/],
    [{ ...mine, engine: { vllm: { image: 'x/y' } } }, /engine\.vllm\.image must begin with our/],
    [
      { ...mine, adapters: [{ name: 'a', s3: { endpoint: 'https://evil' } }] },
      /spec\.adapters must have endpoints that are https:/,
    ],
    [source({ s3: { endpoint: 'https://evil' } }), /s3\.endpoint must be https:/],
    [{ ...mine, replicas: 3, devicesPerReplica: 1 }, /more devices, over all replicas, than the 2/],
  ];
  for (const [spec, words] of refused) t.regex(said(spec).join(), words);
});
