import test from 'ava';
import { chosen, chosenOf } from './chosen.ts';

const jobs = ['lora', 'eva', 'pissa'].map((name) => ({ name }));

test('names are chosen in the order of the words, jobs in their own', (t) => {
  t.deepEqual(chosen({ lora: 1, eva: 2, pissa: 3 }, 'pissa,lora'), ['pissa', 'lora']);
  t.deepEqual(chosenOf(jobs, 'pissa,lora'), [{ name: 'lora' }, { name: 'pissa' }]);
});

test('without a word all are', (t) => {
  t.deepEqual(chosen({ lora: 1, eva: 2 }, ''), ['lora', 'eva']);
  t.deepEqual(chosenOf(jobs, ''), jobs);
});

test('a name that there is not is told, with those that there are', (t) => {
  for (const words of ['lora,evo', 'evo', 'lora,', 'constructor']) {
    t.throws(() => chosenOf(jobs, words), {
      code: 'E_USAGE',
      message: /^there is no .*; there are lora, eva, pissa$/,
    });
  }
});
