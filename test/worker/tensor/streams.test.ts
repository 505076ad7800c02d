import test from 'ava';
import fc from 'fast-check';
import { drawsOf, streamOf } from '../../../worker/tensor/streams.ts';

test('a stream keeps its key from release to release', (t) => {
  // Golden: a change here changes every training run.
  t.is(streamOf(0, '').key, 8526940843909778117n);
  t.is(streamOf(42, 'dropout', 'model.layers.3', 7, 1n).key, 8096413593918078122n);
});

test('streams differ when any part of their name differs', (t) => {
  const part = fc.oneof(fc.string(), fc.maxSafeInteger());
  const name = fc.tuple(fc.maxSafeInteger(), fc.string(), fc.array(part, { maxLength: 4 }));
  fc.assert(
    fc.property(name, name, ([s1, p1, a], [s2, p2, b]) => {
      const same = JSON.stringify([s1, p1, a]) === JSON.stringify([s2, p2, b]);
      t.is(streamOf(s1, p1, ...a).key === streamOf(s2, p2, ...b).key, same);
    }),
  );
  t.not(streamOf(1, 'a', 'b', 'c').key, streamOf(1, 'a', 'bc').key);
  t.not(streamOf(1, 'a', 2, 3).key, streamOf(1, 'a', 3, 2).key);
  t.not(streamOf(1, 'a', 2).key, streamOf(1, 'a', '2').key);
});

const stream = streamOf(42, 'streams.test');

test('host draws are uniform, whole draws stay below their bound', (t) => {
  const { uniform: next, below } = drawsOf(stream);
  const count = 20_000;
  const mean = Array.from({ length: count }, next).reduce((a, b) => a + b, 0) / count;
  t.true(Math.abs(mean - 0.5) < 5 * Math.sqrt(1 / 12 / count));
  const faces = new Array<number>(6).fill(0);
  for (let i = 0; i < count; i++) faces[below(6)]! += 1;
  const spread = Math.sqrt((count / 6) * (5 / 6));
  for (const seen of faces) t.true(Math.abs(seen - count / 6) < 5 * spread);
  t.is(drawsOf(stream).uniform(), drawsOf(stream).uniform());
});
