import test from 'ava';
import fc from 'fast-check';
import { Backoff, pauseOf } from '../../../operator/runtime/backoff.ts';

const settings = { firstMs: 100, longestMs: 30_000, jitter: 0.5 };

test('a pause doubles with each failure up to the longest, and jitter only adds', (t) => {
  fc.assert(
    fc.property(fc.nat(2000), fc.double({ min: 0, max: 0.999, noNaN: true }), (failures, draw) => {
      const pause = pauseOf(failures, settings, () => draw);
      const plain = Math.min(settings.firstMs * 2 ** Math.min(failures, 52), settings.longestMs);
      return pause >= plain && pause <= plain * (1 + settings.jitter);
    }),
  );
  t.is(
    pauseOf(3, settings, () => 0),
    800,
  );
});

test('a key that succeeded starts over, and keys do not share their failures', (t) => {
  const backoff = new Backoff(settings, () => 0);
  t.deepEqual([backoff.next('a'), backoff.next('a'), backoff.next('b')], [100, 200, 100]);
  backoff.forget('a');
  t.is(backoff.next('a'), 100);
});
