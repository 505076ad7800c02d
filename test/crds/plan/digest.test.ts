import test from 'ava';
import fc from 'fast-check';
import { digestOf } from '../../../crds/plan/digest.ts';

test('a digest is the SHA-256 of the canonical text', (t) => {
  // printf '{"a":[1,"x"],"b":null}' | sha256sum
  t.is(
    digestOf({ b: null, a: [1, 'x'] }),
    '854ef06dc57f5dfed10206344ab2d02e0b6c84b0e19436703a5afd0f1f9f2687',
  );
});

test('the order of keys and absent members do not count', (t) => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const reversed = Object.fromEntries(Object.entries(value).reverse());
      return digestOf(value) === digestOf(reversed);
    }),
  );
  t.is(digestOf({ a: 1, b: undefined }), digestOf({ a: 1 }));
});

test('another value has another digest', (t) => {
  t.not(digestOf({ a: '1' }), digestOf({ a: 1 }));
  t.not(digestOf([1, 2]), digestOf([2, 1]));
});
