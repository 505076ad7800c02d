import test from 'ava';
import fc from 'fast-check';
import { mergeBins } from '../../../worker/data/merge-sequences.ts';
import { fillBin } from '../../../worker/data/packed-sequences.ts';
import { randomDocuments } from '../../builders/documents.ts';

test('bins that are merged are the bin of all their documents, with the key of the first', (t) => {
  const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(randomDocuments, sizes, (documents, counts) => {
      let next = 0;
      const members = counts.map((count) =>
        Array.from({ length: count }, () => next++ % documents.count),
      );
      const bins = members.map((list, key) => fillBin(documents, list, 10 + key));
      const [whole, ...others] = mergeBins(bins, bins.length);
      t.deepEqual(others, []);
      t.deepEqual(whole, fillBin(documents, members.flat(), 10));
    }),
  );
});

test('neighbours are merged in their order, and the last group takes what is left', (t) => {
  fc.assert(
    fc.property(randomDocuments, fc.integer({ min: 1, max: 5 }), (documents, size) => {
      const bins = Array.from({ length: documents.count }, (_, n) => fillBin(documents, [n], n));
      const merged = mergeBins(bins, size);
      t.is(merged.length, Math.ceil(bins.length / size));
      t.deepEqual(
        merged.flatMap(({ ids }) => [...ids]),
        bins.flatMap(({ ids }) => [...ids]),
      );
      t.is(
        merged.reduce((sum, { learned }) => sum + learned, 0),
        bins.reduce((sum, { learned }) => sum + learned, 0),
      );
      if (size === 1) t.is(merged, bins);
    }),
  );
});
