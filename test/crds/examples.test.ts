import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { incompatibilities } from '../../crds/combinations/compatibility.ts';
import { openApiSchema } from '../../crds/crd/custom-resource.ts';
import { parseJob } from '../../crds/manifest/manifest.ts';
import { presets } from '../../crds/methods/index.ts';
import { serverProblems, withDefaults } from '../doubles/api-server-schema.ts';

const folder = new URL('../../crds/examples/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

const jobs = new Map(
  files.map((name) => [name, parseJob(readFileSync(new URL(name, folder), 'utf8'), name).job]),
);

test('there are examples for the first job, for each method and for a cluster', (t) => {
  for (const name of ['first', 'cluster']) t.true(jobs.has(`${name}.yaml`), name);
  const shown = new Set([...jobs.values()].map(({ spec }) => spec.method.preset));
  for (const { preset } of presets) t.true(shown.has(preset), preset);
});

for (const [name, job] of jobs) {
  test(`${name} is a job that a cluster accepts, and this machine too if it is not one for many`, (t) => {
    t.deepEqual(incompatibilities(job.spec, 'cluster'), []);
    t.deepEqual(incompatibilities(job.spec, 'anywhere'), []);
    if (name !== 'cluster.yaml') t.deepEqual(incompatibilities(job.spec, 'machine'), []);
    const schema = openApiSchema();
    t.deepEqual(serverProblems(schema, withDefaults(schema, JSON.parse(JSON.stringify(job)))), []);
  });
}
