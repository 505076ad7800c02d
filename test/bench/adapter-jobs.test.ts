import test from 'ava';
import { fineTuneJob } from '../../crds/api/job.ts';
import { incompatibilities } from '../../crds/combinations/compatibility.ts';
import { axisEntries } from '../../crds/methods/index.ts';
import { resolveMethod } from '../../crds/methods/resolve.ts';
import { adapterJobs } from './adapter-jobs.ts';
import { documentOf } from './run-job.ts';

const specs = adapterJobs.map(({ learningRate, ...job }) => {
  const asked = { ...job, steps: 24, training: { learningRate } };
  return { name: job.name, spec: fineTuneJob.parse(documentOf(asked)).spec };
});

test('each job is one that this machine runs', (t) => {
  for (const { name, spec } of specs) t.deepEqual(incompatibilities(spec, 'machine'), [], name);
});

test('every adapter and every rule has a job', (t) => {
  const methods = specs.map(({ spec }) => resolveMethod(spec.method));
  const types = (axis: 'adapter' | 'rule') => new Set(methods.map((method) => method[axis].type));
  for (const axis of ['adapter', 'rule'] as const)
    for (const { type } of axisEntries[axis]) t.true(types(axis).has(type), type);
});
