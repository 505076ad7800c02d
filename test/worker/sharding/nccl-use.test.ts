import test from 'ava';
import { ncclUse } from '../../../worker/sharding/nccl-use.ts';

test('USE_NCCL says whether devices exchange by NCCL, and other words are refused', (t) => {
  t.is(ncclUse({}), 'Auto');
  t.is(ncclUse({ USE_NCCL: 'auto' }), 'Auto');
  t.is(ncclUse({ USE_NCCL: '0' }), 'Never');
  t.is(ncclUse({ USE_NCCL: '1' }), 'Required');
  for (const word of ['', 'yes', 'AUTO']) {
    t.throws(() => ncclUse({ USE_NCCL: word }), {
      code: 'E_USAGE',
      message: `the variable USE_NCCL is "${word}"; it must be one of auto, 0, 1`,
    });
  }
});
