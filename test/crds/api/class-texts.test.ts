import test from 'ava';
import { textsOfClasses } from '../../../crds/api/class-texts.ts';

test('a class has the template with its name, and one that is usual without', (t) => {
  const labels = ['cat', '$& dog'];
  t.deepEqual(textsOfClasses({ labels }), ['a photo of a cat', 'a photo of a $& dog']);
  t.deepEqual(textsOfClasses({ labels, template: '{}, drawn' }), ['cat, drawn', '$& dog, drawn']);
});
