import test from 'ava';
import { resolveMethod } from '../../../crds/index.ts';
import { requireShareable } from '../../../crds/plan/shareable.ts';
import { aSpec } from '../../builders/job.ts';

const coded = resolveMethod(
  aSpec({
    'method.preset': 'Full',
    'method.precision': { type: 'BFloat16', bfloat16: { trainedWeights: 'Int8' } },
  }).method,
);

test('weights in codes of 8 bits are refused where several workers would share them', (t) => {
  t.notThrows(() => requireShareable(coded, 1));
  t.throws(() => requireShareable(coded, 2), {
    code: 'E_INCOMPATIBLE_METHOD',
    message:
      'the trained weights are stored as codes of 8 bits, which 2 workers cannot share out yet',
  });
});

test('everything else can be shared', (t) => {
  t.notThrows(() => requireShareable(resolveMethod(aSpec().method), 64));
});
