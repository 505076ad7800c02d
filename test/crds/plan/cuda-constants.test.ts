import test from 'ava';
import fc from 'fast-check';
import { cudaConstants, reservedFor, unmeasured } from '../../../crds/plan/cuda-constants.ts';

const mib = 2 ** 20;

test('a tensor takes what the caching allocator rounds it to', (t) => {
  t.is(reservedFor(0), 0);
  t.is(reservedFor(1), 512);
  t.is(reservedFor(mib), mib);
  t.is(reservedFor(9 * mib), 10 * mib, 'two in a segment of 20 MiB');
  t.is(reservedFor(6 * mib), (20 / 3) * mib, 'three of them');
  t.is(reservedFor(10 * mib + 1), 12 * mib);
  t.is(reservedFor(32 * mib), 32 * mib);
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 36 }), (size) => reservedFor(size) >= size));
});

test('every constant has a source, and those that nobody measured are named', (t) => {
  for (const { source, value } of Object.values(cudaConstants)) {
    t.true(source.length > 20);
    t.true(value > 0);
  }
  t.true(unmeasured().some(({ name }) => name === cudaConstants.context.name));
});
