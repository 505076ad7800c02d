import test from 'ava';
import fc from 'fast-check';
import { dealSequences, onlyRank } from '../../../worker/data/deal-sequences.ts';

const sequences = fc.array(
  fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 5 }),
  {
    minLength: 9,
    maxLength: 40,
  },
);
const sizes = fc.integer({ min: 1, max: 9 });
const costs = fc.constantFrom(0, 1 / 3456, 1);

function dealtAll(lengths: readonly (readonly number[])[], size: number, attentionCost: number) {
  const named = lengths.map((each, key) => ({ lengths: each, key }));
  return Array.from({ length: size }, (_, rank) =>
    dealSequences(named, { rank, size, attentionCost }).map(({ key }) => key),
  );
}

test('every sequence is computed by one rank, every rank computes one at least, in the order of the batch', (t) => {
  fc.assert(
    fc.property(sequences, sizes, costs, (lengths, size, attentionCost) => {
      const dealt = dealtAll(lengths, size, attentionCost);
      const all = dealt.flat().sort((a, b) => a - b);
      return (
        all.every((key, i) => key === i) &&
        all.length === lengths.length &&
        dealt.every((own) => own.length > 0 && own.every((key, i) => key > (own[i - 1] ?? -1)))
      );
    }),
  );
  t.pass();
});

test('no rank has more to do than the one with least and the largest sequence', (t) => {
  fc.assert(
    fc.property(sequences, sizes, costs, (lengths, size, attentionCost) => {
      const costOf = (key: number) =>
        lengths[key]!.reduce((sum, one) => sum + one + (attentionCost * one * one) / 2, 0);
      const loads = dealtAll(lengths, size, attentionCost).map((own) =>
        own.reduce((sum, key) => sum + costOf(key), 0),
      );
      const largest = Math.max(...lengths.map((_, key) => costOf(key)));
      return Math.max(...loads) - Math.min(...loads) <= largest * (1 + 1e-12);
    }),
  );
  t.pass();
});

test('long documents weigh more where attention costs more', (t) => {
  const lengths = [[400], [100, 100, 100, 100], [100, 100, 100, 100], [10]];
  t.deepEqual(dealtAll(lengths, 2, 0), [
    [0, 2],
    [1, 3],
  ]);
  t.deepEqual(dealtAll(lengths, 2, 1), [[0], [1, 2, 3]]);
});

test('a process by itself computes everything', (t) => {
  const all = [{ lengths: [3] }, { lengths: [1] }];
  t.is(dealSequences(all, onlyRank), all);
});
