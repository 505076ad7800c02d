import test from 'ava';
import { processorOf, unlimited } from '../../../crds/plan/processor.ts';
import { aSpec } from '../../builders/job.ts';

const bytesOf = (resources: object | undefined) =>
  processorOf(aSpec(resources === undefined ? {} : { 'worker.resources': resources }).worker).bytes;

test('a processor has the memory that its pod is given, the limit before the request', (t) => {
  const gib = 2 ** 30;
  t.is(bytesOf({ requests: { memory: '2Gi' } }), 2 * gib);
  t.is(bytesOf({ requests: { memory: '2Gi' }, limits: { memory: '3Gi' } }), 3 * gib);
});

test('a pod that is given none has what its node has, which is not known', (t) => {
  t.is(bytesOf(undefined), unlimited);
  t.is(bytesOf({ requests: { cpu: '1' } }), unlimited);
});
