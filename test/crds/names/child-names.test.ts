import test from 'ava';
import { childName } from '../../../crds/names/child-names.ts';

test('names of children fit into the names of pods and hosts, for the longest name of a job', (t) => {
  const job = 'j'.repeat(40);
  const names = [
    childName.plan(job, 'f'.repeat(64)),
    childName.service(job),
    childName.workerPolicy(job),
    childName.ioPolicy(job),
    childName.init(job, 999),
    childName.workers(job, 999),
    childName.publish(job, 999),
    childName.dataClaim(job),
  ];
  for (const name of names) t.true(`${name}-4999`.length <= 63, name);
  t.is(new Set(names).size, names.length);
});
