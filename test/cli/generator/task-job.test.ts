import { readFileSync } from 'node:fs';
import test from 'ava';
import { taskJob } from '../../../cli/generator/task-job.ts';
import { parseGenerator } from '../../../crds/manifest/adapter-generator.ts';

const example = new URL('../../../crds/generators/siblings.yaml', import.meta.url);
const { spec } = parseGenerator(readFileSync(example, 'utf8'), 'siblings.yaml');

test('records of a task are those of a job on the base of the generator', (t) => {
  const records = { local: { path: 'code.jsonl' } };
  const { model, dataset, method } = taskJob(spec, records);
  t.deepEqual(model, spec.model);
  t.deepEqual(
    [dataset.train, dataset.maxSamples, dataset.sequenceLength, dataset.packing],
    [records, 100, 512, 'None'],
  );
  t.deepEqual(dataset.heldOut, undefined, 'all of them are read');
  t.deepEqual(method.precision, { type: 'BFloat16' });
});
