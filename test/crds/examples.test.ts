import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { incompatibilities } from '../../crds/combinations/compatibility.ts';
import { openApiSchema } from '../../crds/crd/custom-resource.ts';
import { parseJob } from '../../crds/manifest/manifest.ts';
import { serverProblems, withDefaults } from '../doubles/api-server-schema.ts';

const folder = new URL('../../crds/examples/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

test('there are examples for the first job, for each method and for a cluster', (t) => {
  for (const name of [
    'first',
    'full',
    'lora',
    'lora-plus',
    'lora-xs',
    'loldu',
    'paca',
    's2ft',
    'bi-lora',
    'sora',
    'lamda',
    'allora',
    'deft',
    'pissa',
    'kasa',
    'eva',
    'slora',
    'nlora',
    'intermediate-tune',
    'lora-ga',
    'lora-sb',
    'qlora',
    'lisa',
    'galore',
    'owlore',
    'q-galore',
    'natural-galore',
    'pv-tuning',
    'cluster',
  ]) {
    t.true(files.includes(`${name}.yaml`), name);
  }
});

for (const name of files) {
  test(`${name} is a job that a cluster accepts, and this machine too if it is not one for many`, (t) => {
    const text = readFileSync(new URL(name, folder), 'utf8');
    const { job } = parseJob(text, name);
    t.deepEqual(incompatibilities(job.spec, 'cluster'), []);
    t.deepEqual(incompatibilities(job.spec, 'anywhere'), []);
    if (name !== 'cluster.yaml') t.deepEqual(incompatibilities(job.spec, 'machine'), []);
    const schema = openApiSchema();
    t.deepEqual(serverProblems(schema, withDefaults(schema, JSON.parse(JSON.stringify(job)))), []);
  });
}
