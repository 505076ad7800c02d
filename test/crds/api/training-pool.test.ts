import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';
import { trainingPool } from '../../../crds/api/training-pool.ts';
import { trainingPoolDefinition } from '../../../crds/crd/training-pool-resource.ts';
import { parseJob } from '../../../crds/manifest/manifest.ts';
import type { SchemaNode } from '../../../crds/tree/schema-tree.ts';
import { serverProblems, withDefaults } from '../../doubles/api-server-schema.ts';

const text = (name: string) =>
  readFileSync(new URL(`../../../crds/${name}`, import.meta.url), 'utf8');
const example = () => parse(text('pools/smol.yaml'));
const [version] = trainingPoolDefinition().spec['versions'] as [
  { readonly schema: { readonly openAPIV3Schema: SchemaNode } },
];
const schema = version.schema.openAPIV3Schema;

function problemsOf(pool: object): readonly string[] {
  return serverProblems(schema, withDefaults(schema, pool));
}

test('the example is accepted, and the example of a job fits it', (t) => {
  const pool = trainingPool.parse(example());
  t.deepEqual(problemsOf(example()), []);
  const { spec } = parseJob(text('examples/pooled.yaml'), 'pooled.yaml').job;
  t.is(spec.packing?.pool, pool.metadata.name);
  t.deepEqual(spec.model.source, pool.spec.model.source);
  t.is(spec.storage.data?.persistentVolumeClaim?.claimName, pool.spec.claimName);
  t.is(spec.worker.devicesPerWorker, pool.spec.devices);
});

for (const [what, changes] of [
  ['more jobs than one process trains', { jobs: 33 }],
  ['no job', { jobs: 0 }],
  ['two devices', { devices: 2 }],
  ['no claim', { claimName: undefined }],
  ['an unknown field', { job: 2 }],
] as const) {
  test(`${what}: refused by the schema and by the API server`, (t) => {
    const { spec, ...rest } = example();
    const wrong = JSON.parse(JSON.stringify({ ...rest, spec: { ...spec, ...changes } }));
    t.false(trainingPool.safeParse(wrong).success);
    t.not(problemsOf(wrong).length, 0);
  });
}

test('a name is short enough for that of its Job to be a label', (t) => {
  const named = (length: number) => ({ ...example(), metadata: { name: 'a'.repeat(length) } });
  t.true(trainingPool.safeParse(named(52)).success);
  t.deepEqual(problemsOf(named(52)), []);
  t.regex(problemsOf(named(53)).join(), /size\(self\.metadata\.name\) <= 52/);
});
