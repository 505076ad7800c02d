import test from 'ava';
import { valueAt } from '../../../crds/tree/value-at.ts';

test('a path leads to a value, and to undefined where a step is missing', (t) => {
  const root = { a: [{ b: null }, { b: 7 }] };
  t.is(valueAt(root, ['a', 1, 'b']), 7);
  t.is(valueAt(root, ['a', '0', 'b']), null);
  t.is(valueAt(root, ['a', 0, 'b', 'c']), undefined);
  t.is(valueAt(root, []), root);
});

test('what an object inherits is not at a path', (t) => {
  t.is(valueAt({}, ['constructor']), undefined);
  t.is(valueAt([], ['map', 'length']), undefined);
});
