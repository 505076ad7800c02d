import test from 'ava';
import { cacheBytesOf, servedBy } from '../../../crds/serve/served-by.ts';
import { aServerSpec } from '../../builders/adapter-server.ts';

test('what a server does not say is what anneal serve does without a flag', (t) => {
  t.like(servedBy(aServerSpec()), {
    ...{ name: 'base', device: 'cpu', dtype: 'float32', compositions: [], anyBase: false },
    limits: { together: 16, context: 2048, cacheBytes: 2 ** 29, maxTokens: 512 },
  });
  t.is(cacheBytesOf(aServerSpec().limits), undefined);
});

test('a device computes in bfloat16, unless the spec says otherwise', (t) => {
  const typeOf = (changes: object) => servedBy(aServerSpec({ ...changes })).dtype;
  t.is(typeOf({ devicesPerReplica: 1 }), 'bfloat16');
  t.is(typeOf({ devicesPerReplica: 1, precision: 'Float32' }), 'float32');
  t.is(typeOf({ precision: 'BFloat16' }), 'bfloat16');
});

test('compositions have weights of 1 and the usual span where they say none', (t) => {
  const parts = [{ adapter: 'first' }];
  const [composed] = servedBy(
    aServerSpec({ compose: [{ name: 'both', mode: 'Switch', parts }] }),
  ).compositions;
  t.deepEqual(composed, {
    ...{ name: 'both', mode: 'switch', span: 8 },
    parts: [{ adapter: 'first', weight: 1 }],
  });
});
