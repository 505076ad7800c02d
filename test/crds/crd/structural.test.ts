import { Validator } from '@seriousme/openapi-schema-validator';
import test from 'ava';
import fc from 'fast-check';
import * as z from 'zod';
import { type FineTuneJob, fineTuneJob } from '../../../crds/api/job.ts';
import { incompatibilities, pairs } from '../../../crds/combinations/compatibility.ts';
import { notBuiltOnCluster } from '../../../crds/crd/cluster-limits.ts';
import { openApiSchema } from '../../../crds/crd/custom-resource.ts';
import { toStructural } from '../../../crds/crd/structural.ts';
import { allPaths } from '../../../crds/explain/explain.ts';
import { Bug } from '../../../crds/failures/errors.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { printSchema, type SchemaNode } from '../../../crds/tree/schema-tree.ts';
import { aWrittenJob, changed } from '../../builders/job.ts';
import { serverProblems, withDefaults } from '../../doubles/api-server-schema.ts';

const schema = openApiSchema();

interface Visited {
  readonly path: string;
  readonly node: SchemaNode;
}

function visit(node: SchemaNode, path = ''): Visited[] {
  const parts = [
    ...Object.entries(node.properties ?? {}).map(([key, child]) => visit(child, `${path}.${key}`)),
    node.items === undefined ? [] : visit(node.items, `${path}[]`),
    typeof node.additionalProperties === 'object'
      ? visit(node.additionalProperties, `${path}.*`)
      : [],
  ];
  return [{ path, node }, ...parts.flat()];
}

const nodes = visit(schema);

test('every value has a type, outside anyOf', (t) => {
  for (const { path, node } of nodes) {
    t.true(node.type !== undefined || node['x-kubernetes-int-or-string'] === true, path);
  }
});

test('anyOf is only the int-or-string of Kubernetes, and nothing else is logical', (t) => {
  for (const { path, node } of nodes) {
    for (const key of ['oneOf', 'allOf', 'not'])
      t.false(Object.hasOwn(node, key), `${path} ${key}`);
    if (node.anyOf === undefined) continue;
    t.deepEqual(node.anyOf, [{ type: 'integer' }, { type: 'string' }], path);
    t.is(node.type, undefined, path);
  }
});

test('properties and additionalProperties never meet, and unknown fields are never kept', (t) => {
  for (const { path, node } of nodes) {
    t.false(node.properties !== undefined && node.additionalProperties !== undefined, path);
    t.not(node.additionalProperties, true, path);
    t.not(node.additionalProperties, false, path);
    t.false(Object.hasOwn(node, 'x-kubernetes-preserve-unknown-fields'), path);
  }
});

test('there are no floating-point fields', (t) => {
  for (const { path, node } of nodes) t.not(node.type, 'number', path);
});

test('every field has a description of its own, one or more sentences', (t) => {
  for (const { path, node } of nodes) {
    // A CRD may not describe metadata.
    if (path === '' || path === '.metadata' || /(\[\]|\*)$/.test(path)) continue;
    t.regex(node.description ?? '', /^[A-Z"`0-9].*\.$/s, path);
  }
});

test('every string and list is bounded, so that the API server can price the rules', (t) => {
  const free = ['.apiVersion', '.kind'];
  for (const { path, node } of nodes) {
    if (free.includes(path)) continue;
    if (node.type === 'string' && node.enum === undefined && node.format === undefined) {
      t.is(typeof node.maxLength, 'number', path);
    }
    if (node.type === 'array') t.is(typeof node.maxItems, 'number', path);
    if (node.additionalProperties !== undefined) t.is(typeof node.maxProperties, 'number', path);
  }
});

test('patterns use nothing that the regular expressions of Go lack', (t) => {
  for (const { path, node } of nodes) {
    if (node.pattern !== undefined) t.notRegex(node.pattern, /\(\?[=!<]|\\[1-9]|\\[kK]</, path);
  }
});

// The API server judges a default before it fills in the defaults inside it.
test('defaults are valid values of their own schema as they stand', (t) => {
  for (const { path, node } of nodes) {
    if (node.default === undefined) continue;
    t.deepEqual(serverProblems(node, node.default), [], path);
  }
});

test('no enum has a word that old YAML reads as true or false', (t) => {
  const booleans = /^(y|n|yes|no|on|off|true|false|null|~)$/i;
  for (const { path, node } of nodes) {
    // People write specs; status is written by programs, in JSON.
    if (path.startsWith('.status')) continue;
    for (const value of node.enum ?? []) t.notRegex(String(value), booleans, path);
  }
});

test('list maps name keys that their items require', (t) => {
  for (const { path, node } of nodes) {
    if (node['x-kubernetes-list-type'] !== 'map') continue;
    const keys = node['x-kubernetes-list-map-keys'] as string[];
    for (const key of keys) t.true(node.items?.required?.includes(key), `${path} ${key}`);
  }
});

test('messages of rules fit, and their places exist', (t) => {
  for (const { path, node } of nodes) {
    const rules = (node['x-kubernetes-validations'] ?? []) as {
      message: string;
      fieldPath?: string;
    }[];
    for (const { message, fieldPath } of rules) {
      t.true(message.length < 2048 && !message.includes('\n'), path);
      if (fieldPath === undefined || path === '') continue;
      t.true(
        nodes.some((other) => other.path === path + fieldPath),
        path + fieldPath,
      );
    }
  }
});

test('a validator of OpenAPI that is not ours finds nothing', async (t) => {
  const { valid, errors } = await new Validator().validate({
    openapi: '3.0.3',
    info: { title: 'FineTuneJob', version: 'v1alpha1' },
    paths: {},
    components: { schemas: { FineTuneJob: schema } },
  });
  t.true(valid, JSON.stringify(errors));
});

test('a whole number is bounded by its own bounds, or by those of its width', (t) => {
  const between = toStructural({ type: 'integer', format: 'int32', minimum: 1, maximum: 8 });
  t.deepEqual(between, { type: 'integer', minimum: 1, maximum: 8 });
  const above = { type: 'integer', format: 'int32', minimum: 1, maximum: 2 ** 31 - 1 } as const;
  t.deepEqual(toStructural(above), { type: 'integer', format: 'int32', minimum: 1 });
  for (const { path, node } of nodes) {
    if (node.type !== 'integer') continue;
    const hasBounds = node.minimum !== undefined && node.maximum !== undefined;
    t.true(hasBounds || node.format !== undefined, path);
  }
});

test('a schema that no CRD can say is refused, with its path', (t) => {
  const mixed = printSchema(z.strictObject({ a: z.union([z.string(), z.boolean()]) })).root;
  const error = t.throws(() => toStructural(mixed, 'spec'), { instanceOf: Bug });
  t.regex(error.message, /spec\.a/);
});

/** Values that may stand anywhere, right or wrong. */
const anyValue = fc.oneof(
  fc.constantFrom<unknown>(
    '',
    'a',
    '0',
    '1',
    '-1',
    '2e-4',
    '16Gi',
    '/x',
    '../x',
    'LoRA',
    'None',
    'Live',
  ),
  fc.constantFrom<unknown>(
    'Packed',
    'Cosine',
    'Block',
    'AdamW',
    'SGD',
    'ForceReplace',
    's3://b',
    'a/b',
  ),
  fc.integer({ min: -2, max: 70 }),
  fc.constantFrom<unknown>(
    true,
    null,
    1.5,
    [],
    {},
    ['a'],
    [3],
    { type: 'LoRA' },
    { s3: { uri: 's3://b' } },
  ),
  fc.constantFrom<unknown>(undefined),
);

const specPaths = allPaths().filter((path) => path.startsWith('spec.') && !/[\]*]/.test(path));

function nearMiss(): fc.Arbitrary<Record<string, unknown>> {
  const change = fc.tuple(fc.constantFrom(...specPaths), anyValue);
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
    let job = aWrittenJob();
    for (const [path, value] of changes) {
      try {
        job = changed(job, { [path]: value });
      } catch {
        // An earlier change put a scalar where this one wants an object; the job is wrong enough.
      }
    }
    return job;
  });
}

/**
 * What the printed schema refuses and a local run does not know: places and parts of a cluster, and
 * what does not combine.
 */
function isRefusedOnCluster({ spec }: FineTuneJob): boolean {
  const method = resolveMethod(spec.method);
  const asked = pairs.filter(({ cel, where }) => cel !== undefined && where !== 'machine');
  return (
    incompatibilities(spec, 'cluster').some(({ path }) => path.at(-1) === 'local') ||
    asked.some(({ meets }) => meets(spec, method)) ||
    notBuiltOnCluster(spec) !== undefined
  );
}

test('the schema in zod and the printed schema with its rules accept the same jobs', (t) => {
  const seen = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(nearMiss(), (job) => {
      const ours = fineTuneJob.safeParse(job);
      const theirs = serverProblems(schema, withDefaults(schema, job));
      const accepted = ours.success && !isRefusedOnCluster(ours.data);
      seen[accepted ? 'accepted' : 'refused'] += 1;
      if (accepted === (theirs.length === 0)) return;
      throw new Error(`${JSON.stringify(ours.error?.issues)} against ${JSON.stringify(theirs)}`);
    }),
    { numRuns: 3000 },
  );
  t.true(seen.accepted > 50 && seen.refused > 50, JSON.stringify(seen));
});

test('both fill in the same defaults', (t) => {
  fc.assert(
    fc.property(nearMiss(), (job) => {
      const ours = fineTuneJob.safeParse(job);
      if (!ours.success) return;
      const theirs = withDefaults(schema, job) as { spec: unknown };
      t.deepEqual(
        JSON.parse(JSON.stringify(theirs.spec)),
        JSON.parse(JSON.stringify(ours.data.spec)),
      );
    }),
    { numRuns: 500 },
  );
  t.pass();
});
