import test from 'ava';
import { leftOut, leftOutText } from '../../../crds/serve/handover.ts';

test('a termination message has as many refusals as kubelet keeps, and is whole', (t) => {
  const refused = Array.from({ length: 60 }, (_, i) => ({
    name: `adapter-${i}`,
    reason: `é${'x'.repeat(900)}`,
  }));
  const text = leftOutText(refused);
  t.true(Buffer.byteLength(text) <= 4096);
  const kept = leftOut.parse(JSON.parse(text)).refused;
  t.true(kept.length >= 8);
  t.deepEqual(
    kept.map(({ name }) => name),
    refused.slice(0, kept.length).map(({ name }) => name),
  );
  t.is(leftOutText([]), '{"refused":[]}');
});
