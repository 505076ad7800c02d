import test from 'ava';
import { boundsOf } from '../../../crds/tree/field-words.ts';

test('bounds of a number are told as a range, or as the one bound there is', (t) => {
  t.is(boundsOf({ type: 'integer', minimum: 1, maximum: 9 }).must, '1 to 9');
  t.is(boundsOf({ type: 'integer', minimum: 1, maximum: 2 ** 31 - 1 }).must, 'at least 1');
  t.is(boundsOf({ type: 'integer', maximum: 9 }).must, 'at most 9');
  t.is(
    boundsOf({ type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 }).must,
    'a whole number',
  );
});

test('other types are told in words', (t) => {
  t.is(boundsOf({ enum: ['a', 'b', 'c'], type: 'string' }).must, 'a, b or c');
  t.is(boundsOf({ type: 'boolean' }).must, 'true or false');
  t.is(
    boundsOf({ type: 'array', minItems: 2, maxItems: 2, items: { type: 'string' } }).must,
    'a list of 2 items',
  );
  t.is(boundsOf({ type: 'array', items: { type: 'string' } }).type, 'list of text');
  t.is(boundsOf({ type: 'string', format: 'date-time' }).type, 'time');
});
