import test from 'ava';
import fc from 'fast-check';
import { mergeSequences } from '../../../worker/data/merge-sequences.ts';
import { fillSequence } from '../../../worker/data/packed-sequences.ts';
import { documentsOf, randomDocuments } from '../../builders/documents.ts';

test('sequences that are merged are the sequence of all their documents, with the key of the first', (t) => {
  const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(randomDocuments, sizes, (documents, counts) => {
      let next = 0;
      const members = counts.map((count) =>
        Array.from({ length: count }, () => next++ % documents.count),
      );
      const sequences = members.map((list, key) => fillSequence(documents, list, 10 + key));
      const [whole, ...others] = mergeSequences(sequences, sequences.length);
      t.deepEqual(others, []);
      t.deepEqual(whole, fillSequence(documents, members.flat(), 10));
    }),
  );
});

test('segments are joined, with none for a sequence of single texts', (t) => {
  const documents = documentsOf([
    { ids: [2, 3], targets: [0, 0], class: 0 },
    { ids: [2, 3, 4], targets: [0, 1, 1], class: 1 },
  ]);
  const sequences = [[0], [1], [0]].map((members, key) => fillSequence(documents, members, key));
  const [whole] = mergeSequences(sequences, 3);
  t.deepEqual(whole, fillSequence(documents, [0, 1, 0], 0));
  t.deepEqual(whole?.segments, Uint8Array.of(0, 0, 0, 1, 1, 0, 0));
});

test('values beside the tokens are joined document by document, and must have one shape', (t) => {
  const texts = documentsOf([0, 1, 2].map((n) => ({ ids: [n], targets: [0], class: 0 })));
  const withValues = (size: number) => ({
    ...texts,
    valuesOf: (members: readonly number[]) => ({
      pixels: {
        values: Float32Array.from(members.flatMap((n) => new Array<number>(size).fill(n))),
        shape: [1, size],
      },
    }),
  });
  const of = (members: readonly number[], size = 2) => fillSequence(withValues(size), members, 0);
  const [whole] = mergeSequences([of([0, 1]), of([2])], 2);
  t.deepEqual(whole, of([0, 1, 2]));
  t.deepEqual(whole?.values?.['pixels']?.values, Float32Array.of(0, 0, 1, 1, 2, 2));
  t.throws(() => mergeSequences([of([0]), of([1], 3)], 2), { message: /several shapes/u });
});

test('neighbours are merged in their order, and the last group takes what is left', (t) => {
  fc.assert(
    fc.property(randomDocuments, fc.integer({ min: 1, max: 5 }), (documents, size) => {
      const sequences = Array.from({ length: documents.count }, (_, n) =>
        fillSequence(documents, [n], n),
      );
      const merged = mergeSequences(sequences, size);
      t.is(merged.length, Math.ceil(sequences.length / size));
      t.deepEqual(
        merged.flatMap(({ ids }) => [...ids]),
        sequences.flatMap(({ ids }) => [...ids]),
      );
      t.is(
        merged.reduce((sum, { targetCount }) => sum + targetCount, 0),
        sequences.reduce((sum, { targetCount }) => sum + targetCount, 0),
      );
      if (size === 1) t.is(merged, sequences);
    }),
  );
});
