import test from 'ava';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { keptParts, layoutOf } from '../../../crds/plan/kept-parts.ts';
import { llama8b, smol135 } from '../../builders/facts.ts';

const full = resolveMethod({ preset: 'Full' });
const qGalore = resolveMethod({ preset: 'QGaLore' });
const pvTuning = resolveMethod({ preset: 'PVTuning' });
const int8 = resolveMethod({
  preset: 'Full',
  precision: { type: 'BFloat16', bfloat16: { trainedWeights: 'Int8' } },
});

test('what works value by value is shared out evenly', (t) => {
  t.is(layoutOf(full), 'slice');
  t.deepEqual(keptParts(smol135, full, 3), { block: 1 / 3, blocks: 1 / 3, outside: 1 / 3 });
});

test('matrices that have owners are kept by whole ones', (t) => {
  t.is(layoutOf(qGalore), 'matrices');
  // gate with q, up with o, down with k and v: of 3,538,944 values 884,736 and 331,776.
  // Of thirty blocks each rank has been the first of ten.
  const three = { block: 1_216_512 / 3_538_944, blocks: 1 / 3, outside: 1 / 3 };
  t.deepEqual(keptParts(smol135, qGalore, 3), three);
  t.deepEqual(keptParts(smol135, int8, 3), three, 'codes have owners, whatever the optimizer');
  t.is(keptParts(smol135, qGalore, 2).block, 0.5);
  const { block, blocks } = keptParts(llama8b, qGalore, 8);
  t.true(block > 0.26 && block < 0.28, 'no share is shorter than the largest matrix');
  t.is(blocks, 1 / 8);
});

test('embedding and head have a keeper each where norms of them are needed', (t) => {
  t.is(layoutOf(pvTuning), 'owner');
  t.is(keptParts(smol135, pvTuning, 2).outside, 1, 'a tied head is the embedding');
  t.is(keptParts(llama8b, pvTuning, 2).outside, 0.5);
  t.deepEqual(keptParts(llama8b, pvTuning, 1), { block: 1, blocks: 1, outside: 1 });
});
