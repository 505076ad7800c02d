import test from 'ava';
import fc from 'fast-check';
import { packSequences } from '../../../worker/data/pack.ts';

const capacities = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 5000 }));
const packings = capacities.chain((capacity) =>
  fc.tuple(
    fc.constant(capacity),
    fc.array(fc.integer({ min: 0, max: capacity }), { maxLength: 300 }),
  ),
);

const totalOf = (sequence: readonly number[], lengths: readonly number[]) =>
  sequence.reduce((sum, place) => sum + (lengths[place] ?? 0), 0);

test('Every document lies in one packed sequence, and no packed sequence holds more than it may', (t) => {
  fc.assert(
    fc.property(packings, ([capacity, lengths]) => {
      const sequences = packSequences(lengths, capacity);
      t.deepEqual(
        sequences.flat().toSorted((a, b) => a - b),
        [...lengths.keys()],
      );
      for (const sequence of sequences) {
        t.true(totalOf(sequence, lengths) <= capacity);
        t.deepEqual(
          sequence,
          sequence.toSorted((a, b) => a - b),
        );
      }
    }),
    { numRuns: 300 },
  );
});

test('It is best fit, longest first, as a slow search finds it', (t) => {
  fc.assert(
    fc.property(packings, ([capacity, lengths]) => {
      const totals = (sequences: readonly (readonly number[])[]) =>
        sequences.map((sequence) => totalOf(sequence, lengths)).toSorted((a, b) => a - b);
      t.deepEqual(totals(packSequences(lengths, capacity)), totals(slowly(lengths, capacity)));
    }),
    { numRuns: 300 },
  );
});

function slowly(lengths: readonly number[], capacity: number): number[][] {
  const sequences: { room: number; places: number[] }[] = [];
  const longestFirst = [...lengths.keys()].sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  for (const place of longestFirst) {
    const length = lengths[place]!;
    const fitting = sequences.filter(({ room }) => room >= length).sort((a, b) => a.room - b.room);
    const sequence = fitting[0] ?? { room: capacity, places: [] };
    if (fitting.length === 0) sequences.push(sequence);
    sequence.room -= length;
    sequence.places.push(place);
  }
  return sequences.map(({ places }) => places);
}

test('Documents of the lengths of real conversations fill more than 95 % of their packed sequences', (t) => {
  // Lengths in tokens of 2,000 ShareGPT conversations at 1,024: counts up to each power of two
  // (token store).
  const counts = [
    [32, 1],
    [64, 14],
    [128, 29],
    [256, 68],
    [512, 208],
    [1024, 317],
  ] as const;
  let state = 1;
  const next = (below: number) => {
    state = (Math.imul(state, 48_271) >>> 0) % 0x7fff_ffff;
    return state % below;
  };
  const lengths = counts.flatMap(([upTo, count]) =>
    Array.from({ length: count }, () => upTo / 2 + next(upTo / 2)),
  );
  const cut = Array.from({ length: 1363 }, () => 1024);
  for (const capacity of [1024, 2048, 8192]) {
    const all = [...lengths, ...cut];
    const filled = all.reduce((sum, length) => sum + length, 0);
    t.true(filled / (packSequences(all, capacity).length * capacity) > 0.95, `${capacity}`);
  }
});
