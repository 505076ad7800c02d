import test from 'ava';
import fc from 'fast-check';
import { overlapOf, refusalOf, scoreOf } from '../../../worker/transfer/score.ts';

test('the overlap counts shared words, each as often as both have it', (t) => {
  t.is(overlapOf('The sea!', 'the sea'), 1);
  t.is(overlapOf('a b', 'c d'), 0);
  t.is(overlapOf('a a b', 'a c'), 2 / 5);
  t.is(overlapOf('', 'a'), 0);
  t.is(overlapOf('', ''), 1);
  t.is(overlapOf('?!', '?!'), 1);
});

test('the overlap is symmetric, and between 0 and 1', (t) => {
  const words = fc.array(fc.constantFrom('red', 'owl', 'sea'), { maxLength: 6 });
  fc.assert(
    fc.property(words, words, (a, b) => {
      const [one, other] = [a.join(' '), b.join(' ')];
      const found = overlapOf(one, other);
      t.is(found, overlapOf(other, one));
      t.true(found >= 0 && found <= 1);
    }),
  );
});

test('an answer without an end scores nothing', (t) => {
  const answered = [
    { answer: 'a b', reference: 'a b' },
    { answer: 'a x', reference: 'a b' },
    { answer: null, reference: '' },
    { answer: '', reference: 'a' },
  ];
  t.deepEqual(scoreOf(answered), { overlap: (1 + 0.5) / 4, exact: 1 / 4 });
});

const scores = {
  ...({ on: 'Tests', records: 'sha256:1', prompts: 20 } as const),
  teacher: { overlap: 0.8, exact: 0.5 },
  student: { overlap: 0.6, exact: 0.2 },
  base: { overlap: 0.1, exact: 0 },
};

test('the gate refuses what is worse than it allows, and says by how much', (t) => {
  const refused = refusalOf({ ...scores, relative: 0.75 }, 0.9);
  t.is(refused?.code, 'E_EVALUATION_GATE');
  t.regex(
    refused?.message ?? '',
    /scores 0\.600 and the old one 0\.800: 0\.750 of it; spec\.gate\.minRelative is 0\.9/,
  );
  t.is(refusalOf({ ...scores, relative: 0.75 }, 0.75), null);
  t.is(refusalOf(scores, 0.75), null, 'an old adapter that scores nothing compares with nothing');
});
