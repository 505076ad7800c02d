import test from 'ava';
import { numberOf, numbersOf } from './seed-options.ts';

test('seeds are whole numbers, and what is none is told', (t) => {
  t.deepEqual(numbersOf('seeds', '0,1,20'), [0, 1, 20]);
  for (const words of ['', '1,', '1,x', '1.5', '-1', '1, 2', '99999999999999999']) {
    t.throws(() => numbersOf('seeds', words), { code: 'E_USAGE', message: /^--seeds has / }, words);
  }
  t.throws(() => numbersOf('shots', '0', 1), {
    message: '--shots has 0; it must have whole numbers from 1, with commas between',
  });
});

test('an option of one number has one', (t) => {
  t.is(numberOf('steps', '24'), 24);
  for (const word of ['0', '', '1,2', 'x']) {
    t.throws(() => numberOf('steps', word), { code: 'E_USAGE', message: /^--steps / }, word);
  }
});
