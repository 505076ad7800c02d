import test from 'ava';
import fc from 'fast-check';
import { Bug } from '../../../crds/failures/errors.ts';
import { fewestWorkers, formWorld, type Member, plannedWorld } from '../../../crds/plan/world.ts';
import { aSpec } from '../../builders/job.ts';

const { parallelism } = aSpec();

const members = fc
  .array(
    fc.record({
      node: fc.constantFrom('n1', 'n2', 'n3'),
      domain: fc.constantFrom('a', 'b'),
      devices: fc.integer({ min: 0, max: 8 }),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((all) => all.map((one, index): Member => ({ ...one, index })));

test('every device of every worker is one rank, and a worker on the CPU is one rank', (t) => {
  fc.assert(
    fc.property(members, (all) => {
      const { ranks } = formWorld(all, parallelism);
      const places = new Set(ranks.map(({ worker, device }) => `${worker}/${device}`));
      const wanted = all.reduce((sum, { devices }) => sum + Math.max(1, devices), 0);
      return places.size === wanted && ranks.every(({ rank }, index) => rank === index);
    }),
  );
  t.pass();
});

test('ranks of one worker stand together, and so do workers of one node', (t) => {
  fc.assert(
    fc.property(members, (all) => {
      const { ranks } = formWorld(all, parallelism);
      const keys = ranks.map(({ worker }) => `${all[worker]!.domain}/${all[worker]!.node}`);
      const changes = keys.filter((key, index) => index > 0 && key !== keys[index - 1]).length;
      return changes === new Set(keys).size - 1;
    }),
  );
  t.pass();
});

test('the order does not depend on the order in which members came', (t) => {
  fc.assert(
    fc.property(members, (all) => {
      t.deepEqual(formWorld([...all].reverse(), parallelism), formWorld(all, parallelism));
    }),
  );
  t.pass();
});

test('ranks that share a sequence or a product count once for the data', (t) => {
  const shared = { ...parallelism, tensorSize: 2, contextSize: 2 };
  const spec = aSpec({ 'worker.replicas': 2, 'worker.devicesPerWorker': 4 });
  t.is(plannedWorld(spec.worker, shared).dataParallelSize, 2);
  t.throws(() => plannedWorld(aSpec().worker, shared), { instanceOf: Bug });
});

test('the fewest workers are all of them, but where their number may change', (t) => {
  const range = { replicas: 4, minReplicas: 2 };
  t.is(fewestWorkers({ ...range, elasticity: 'None' }), 4);
  t.is(fewestWorkers({ ...range, elasticity: 'AtStart' }), 2);
  t.is(fewestWorkers({ ...range, elasticity: 'Live' }), 2);
  t.is(fewestWorkers({ replicas: 4, minReplicas: undefined, elasticity: 'Live' }), 4);
});
