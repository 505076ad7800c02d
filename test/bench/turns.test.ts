import test from 'ava';
import { inTurn } from './turns.ts';

test('each goes first as often as last in an even number of rounds', (t) => {
  const all = ['a', 'b', 'c'];
  t.deepEqual(inTurn(all, 0), ['a', 'b', 'c']);
  t.deepEqual(inTurn(all, 1), ['c', 'b', 'a']);
  t.deepEqual(inTurn(all, 2), ['a', 'b', 'c']);
  t.deepEqual(all, ['a', 'b', 'c']);
});
