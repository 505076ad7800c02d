import test from 'ava';
import fc from 'fast-check';
import { editDistance, nearestName } from '../../../crds/text/nearest-name.ts';

test('a slip of one or two letters finds its name', (t) => {
  const names = ['learningRate', 'schedule', 'seed'];
  t.is(nearestName('learnigRate', names), 'learningRate');
  t.is(nearestName('shcedule', names), 'schedule');
  t.is(nearestName('sed', names), 'seed');
});

test('case, hyphens and underscores do not count', (t) => {
  t.is(nearestName('learning_rate', ['learningRate']), 'learningRate');
  t.is(nearestName('LORA', ['LoRA', 'Full']), 'LoRA');
});

test('a word that is far from all has no nearest name', (t) => {
  t.is(nearestName('banana', ['learningRate', 'seed']), undefined);
  t.is(nearestName('anything', []), undefined);
});

const word = fc.string({ maxLength: 12 });

test('the distance is zero exactly for equal words, the same in both directions, and never above the longer word', (t) => {
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      return (
        (distance === 0) === (a === b) &&
        distance === editDistance(b, a) &&
        distance <= Math.max(a.length, b.length) &&
        distance >= Math.abs(a.length - b.length)
      );
    }),
  );
  t.pass();
});

test('an insertion costs one, and so does a swap of neighbours', (t) => {
  t.is(editDistance('abcd', 'abxcd'), 1);
  t.is(editDistance('abcd', 'acbd'), 1);
  t.is(editDistance('kitten', 'sitting'), 3);
});
