import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';
import { adapterServer } from '../../../crds/api/adapter-server.ts';
import { adapterServerDefinition } from '../../../crds/crd/adapter-server-resource.ts';
import type { SchemaNode } from '../../../crds/tree/schema-tree.ts';
import { claimed, vllm, writtenServer } from '../../builders/adapter-server.ts';
import { serverProblems, withDefaults } from '../../doubles/api-server-schema.ts';

const [version] = adapterServerDefinition().spec['versions'] as [
  { readonly schema: { readonly openAPIV3Schema: SchemaNode } },
];
const schema = version.schema.openAPIV3Schema;
const part = (adapter: string, weight?: string) => ({
  adapter,
  ...(weight === undefined ? {} : { weight }),
});
const composed = (changes: object) => ({
  compose: [{ name: 'both', parts: [part('first')], ...changes }],
});

type Changes = Readonly<Record<string, unknown>>;

const accepted: readonly (readonly [string, Changes])[] = [
  ['the smallest', {}],
  ['no adapter', { adapters: [] }],
  ['an Adapter by its name', { adapters: [{ name: 'a', adapterRef: { name: 'job-1' } }] }],
  ['an adapter in a bucket', { adapters: [{ name: 'a', s3: { uri: 's3://b/x' } }] }],
  ['weights of a sum', composed({ parts: [part('first', '-0.5')] })],
  ['a span where parts take turns', composed({ mode: 'Switch', span: 8 })],
  ['no pods', { replicas: 0 }],
  ['vLLM over two devices', { engine: vllm, devicesPerReplica: 2 }],
];

for (const [what, changes] of accepted) {
  test(`${what} is accepted by schema and API server`, (t) => {
    const server = writtenServer(changes);
    t.true(adapterServer.safeParse(server).success);
    t.deepEqual(serverProblems(schema, withDefaults(schema, server)), []);
  });
}

const refused: readonly (readonly [string, Changes, RegExp])[] = [
  [
    'a part that is no adapter',
    composed({ parts: [part('other')] }),
    /has a part that is no adapter of this server/,
  ],
  ['the name of the base for an adapter', { modelName: 'first' }, /gives one name to two models/],
  [
    'the name of an adapter for a composition',
    { compose: [{ name: 'first', parts: [part('first')] }] },
    /gives one name to two models/,
  ],
  [
    'weights where the mode has its own',
    composed({ mode: 'Switch', parts: [part('first', '2')] }),
    /its mode sets weights by itself/,
  ],
  ['a weight of 0', composed({ parts: [part('first', '0')] }), /a part with the weight 0/],
  ['two devices of our own engine', { devicesPerReplica: 2 }, /at most 1 with the engine Anneal/],
  ['a span where nobody leads', composed({ span: 4 }), /no part leads for a span/],
  [
    'two places of an adapter',
    { adapters: [{ ...claimed('a'), adapterRef: { name: 'b' } }] },
    /exactly one of adapterRef, s3 and persistentVolumeClaim/,
  ],
  [
    'a path that leaves the claim',
    { adapters: [{ name: 'a', persistentVolumeClaim: { claimName: 'c', path: '../x' } }] },
    /must not contain \.\./,
  ],
];

const withVllm: readonly (readonly [string, Changes, RegExp])[] = [
  ['no image', { engine: { type: 'VLLM' } }, /vllm\.image does not say/],
  ['an image that nobody uses', { engine: { vllm: vllm.vllm } }, /is set, but type is not VLLM/],
  ['compositions', composed({}), /vLLM answers each request with one adapter/],
  ['a queue', { limits: { queue: 8 } }, /vLLM has no limit of requests that wait/],
  ['a length of answers', { limits: { maxTokens: 8 } }, /ends with limits\.context/],
  ['32 bits', { precision: 'Float32' }, /vLLM computes adapters in 16 bits/],
  ['no device', { devicesPerReplica: 0 }, /must be at least 1 with vLLM/],
];

for (const [what, changes, words] of withVllm) {
  test(`vLLM with ${what} is refused by the schema with a sentence, and by the API server`, (t) => {
    const server = writtenServer({
      ...{ engine: vllm, devicesPerReplica: 1 },
      ...changes,
    });
    const { error } = adapterServer.safeParse(server);
    t.regex(error?.issues.map(({ message }) => message).join() ?? '', words);
    t.is(serverProblems(schema, withDefaults(schema, server)).length, 1);
  });
}

for (const [what, changes, words] of refused) {
  test(`${what} is refused by the schema with a sentence, and by the API server`, (t) => {
    const server = writtenServer(changes);
    const { error } = adapterServer.safeParse(server);
    t.regex(error?.issues.map(({ message }) => message).join() ?? '', words);
    t.is(serverProblems(schema, withDefaults(schema, server)).length, 1);
  });
}

test('a local model and names that a Service cannot have are refused on the cluster', (t) => {
  const problemsOf = (server: object) => serverProblems(schema, withDefaults(schema, server));
  const local = writtenServer({ model: { source: { local: { path: 'model' } } } });
  t.deepEqual(problemsOf(local), ['.spec.model.source: !has(self.local)']);
  for (const name of ['1st', 'a.b', 'a'.repeat(41)]) {
    const server = { ...writtenServer(), metadata: { name, namespace: 'team' } };
    t.regex(problemsOf(server).join(), /size\(self\.metadata\.name\) <= 40/, name);
  }
});

test('the API server refuses two adapters of one name by the keys of the list', (t) => {
  const { adapters, compose } = schema.properties?.['spec']?.properties ?? {};
  for (const list of [adapters, compose]) {
    t.is(list?.['x-kubernetes-list-type'], 'map');
    t.deepEqual(list?.['x-kubernetes-list-map-keys'], ['name']);
  }
});

test('the example is accepted', (t) => {
  const file = new URL('../../../crds/servers/answers.yaml', import.meta.url);
  const server: unknown = parse(readFileSync(file, 'utf8'));
  t.deepEqual(adapterServer.safeParse(server).error?.issues, undefined);
  t.deepEqual(serverProblems(schema, withDefaults(schema, server)), []);
});
