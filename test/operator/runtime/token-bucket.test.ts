import test from 'ava';
import fc from 'fast-check';
import { TokenBucket } from '../../../operator/runtime/token-bucket.ts';

test('over any time no more is taken than the burst and what grew since', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(500), { maxLength: 200 }), (gaps) => {
      const bucket = new TokenBucket({ perSecond: 10, burst: 5 }, 0);
      let now = 0;
      let taken = 0;
      for (const gap of gaps) {
        now += gap;
        if (bucket.take(now)) taken += 1;
      }
      return taken <= 5 + (now / 1000) * 10 + 1e-6;
    }),
  );
  t.pass();
});

test('a reservation says when its token will be there', (t) => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 2 }, 0);
  t.deepEqual(
    [bucket.reserve(0), bucket.reserve(0), bucket.reserve(0), bucket.reserve(0)],
    [0, 0, 100, 200],
  );
  t.is(bucket.reserve(200), 100);
});

test('a clock that is set back gives nothing away and takes nothing', (t) => {
  const bucket = new TokenBucket({ perSecond: 1, burst: 1 }, 1000);
  t.true(bucket.take(1000));
  t.false(bucket.take(0));
  t.true(bucket.take(2000));
});
