import test from 'ava';
import { tokensOfTexts } from '../../../crds/plan/class-text-tokens.ts';

test('a text of a class is taken for a token of three characters, and two around them', (t) => {
  const labels = ['cat', 'owls'];
  t.is(tokensOfTexts({ labels, template: 'a {}' }, { kind: 'imageText' }), 2 + 2 + (2 + 2));
  t.is(tokensOfTexts({ labels, template: 'of {}' }, { kind: 'imageText' }), 2 + 2 + (2 + 3));
  t.is(tokensOfTexts({ labels }, { kind: 'vision' }), 0);
});
