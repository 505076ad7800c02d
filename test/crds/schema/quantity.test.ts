import test from 'ava';
import fc from 'fast-check';
import {
  compareQuantities,
  formatBytes,
  isQuantity,
  parseQuantity,
  quantity,
} from '../../../crds/schema/quantity.ts';

test('suffixes mean what Kubernetes says', (t) => {
  t.is(parseQuantity('16Gi'), 16 * 2 ** 30);
  t.is(parseQuantity('1.5Ki'), 1536);
  t.is(parseQuantity('2M'), 2_000_000);
  t.is(parseQuantity('500m'), 0.5);
  t.is(parseQuantity('1e3'), 1000);
  t.is(parseQuantity('3'), 3);
  t.is(parseQuantity(7), 7);
  t.is(parseQuantity('1E'), 1e18);
});

test('what is no quantity is refused', (t) => {
  for (const text of ['', 'Gi', '1 Gi', '1GB', '0x10', '1gi', 'ten', '1e']) {
    t.false(isQuantity(text), text);
    t.false(quantity().safeParse(text).success, text);
  }
});

test('quantities compare by value, not by spelling', (t) => {
  t.is(compareQuantities('1Gi', '1024Mi'), 0);
  t.true(compareQuantities('1G', '1Gi') < 0);
  t.true(compareQuantities(2, '1500m') > 0);
});

test('whole bytes survive printing and parsing', (t) => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseQuantity(formatBytes(bytes)) === bytes));
  t.is(formatBytes(1536 * 2 ** 20), '1536Mi');
  t.is(formatBytes(0), '0');
});
