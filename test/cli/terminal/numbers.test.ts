import test from 'ava';
import { bytes, percent, real, seconds, short } from '../../../cli/terminal/numbers.ts';

test('seconds grow into minutes, hours and days', (t) => {
  const words = [-3, 0, 59.4, 59.6, 61, 3599, 3600, 7261, 90_000, 260_000].map(seconds);
  t.deepEqual(words, [
    ...['0 s', '0 s', '59 s', '1 min 0 s', '1 min 1 s', '59 min 59 s'],
    ...['1 h 0 min', '2 h 1 min', '25 h 0 min', '3.0 days'],
  ]);
});

test('bytes are powers of two, counts powers of ten', (t) => {
  t.deepEqual([0, 1023, 1024, 1.5 * 2 ** 30, 2 ** 50].map(bytes), [
    ...['0 B', '1023 B', '1.0 KiB', '1.5 GiB', '1024.0 TiB'],
  ]);
  t.deepEqual([812, 9_999, 41_230, 134_515_008, 8.03e9].map(short), [
    ...['812', '9999', '41.2 k', '135 M', '8.03 B'],
  ]);
});

test('a loss that is not finite is said in words', (t) => {
  t.is(real(null), 'not finite');
  t.is(real(2), '2.0000');
  t.is(percent(0.3333), '33.3 %');
});
