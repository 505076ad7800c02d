import test from 'ava';
import fc from 'fast-check';
import { Bug } from '../../../crds/failures/errors.ts';
import {
  boundsInWords,
  decimal,
  decimalPattern,
  formatDecimal,
  parseDecimal,
} from '../../../crds/schema/decimal.ts';

test('decimals are written as people write them', (t) => {
  for (const text of ['0', '1', '0.5', '-3', '2e-4', '1.25E+3', '10'])
    t.regex(text, decimalPattern);
  for (const text of [
    '',
    '.5',
    '1.',
    '01',
    '+1',
    '1e',
    '0x1',
    'NaN',
    'Infinity',
    '1,5',
    ' 1',
    '1e100',
  ]) {
    t.notRegex(text, decimalPattern, text);
  }
});

test('a decimal is a number again when it is used', (t) => {
  t.is(parseDecimal('2e-4'), 0.0002);
  t.throws(() => parseDecimal('fast'), { instanceOf: Bug });
});

test('a number that was printed is read back as the same number', (t) => {
  const middle = fc.double({ min: 1e-6, max: 1e20, noNaN: true });
  fc.assert(
    fc.property(middle, (value) => {
      const text = formatDecimal(value);
      return decimalPattern.test(text) && parseDecimal(text) === value;
    }),
  );
  t.is(formatDecimal(2.345678, 3), '2.35');
});

test('bounds are part of the schema and of its words', (t) => {
  const share = decimal({ min: 0, below: 1 });
  t.true(share.safeParse('0').success);
  t.true(share.safeParse('0.999').success);
  t.false(share.safeParse('1').success);
  t.false(share.safeParse('-0.1').success);
  t.false(share.safeParse('-0').success, 'the form of one that is not negative has no sign');
  t.is(boundsInWords({ min: 0, below: 1 }), 'at least 0 and less than 1');
});
