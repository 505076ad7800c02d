import test from 'ava';
import fc from 'fast-check';
import { interleave, permutation } from '../../../worker/data/order.ts';

const sizes = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 5000 }));

test('Every size and key gives a permutation', (t) => {
  fc.assert(
    fc.property(sizes, fc.bigInt(), fc.nat(), (size, seed, epoch) => {
      const { at } = permutation(size, seed, epoch);
      const seen = new Set(Array.from({ length: size }, (_, position) => at(position)));
      t.is(seen.size, size);
      t.true([...seen].every((value) => value >= 0 && value < size));
    }),
    { numRuns: 200 },
  );
});

test('A position of a permutation too large to hold is computed alone', (t) => {
  const size = 2 ** 40 + 12_345;
  const { at } = permutation(size, 'large');
  const values = Array.from({ length: 10_000 }, (_, position) => at(position));
  t.is(new Set(values).size, values.length);
  t.true(values.every((value) => Number.isInteger(value) && value >= 0 && value < size));
});

test('Another key gives another order, the same key the same', (t) => {
  const orderOf = (...key: (string | number)[]) => {
    const { at } = permutation(1000, ...key);
    return Array.from({ length: 1000 }, (_, position) => at(position));
  };
  t.deepEqual(orderOf('documents', 7, 0), orderOf('documents', 7, 0));
  for (const other of [
    orderOf('documents', 7, 1),
    orderOf('documents', 8, 0),
    orderOf('bins', 7, 0),
  ]) {
    const same = orderOf('documents', 7, 0).filter((value, index) => value === other[index]);
    // Two random orders of n things agree in 1 place on average; 12 or more have a chance below
    // 1e-8.
    t.true(same.length < 12, `${same.length}`);
  }
});

test('Where a thing lands does not depend on where it was', (t) => {
  // Things are counted by the quarter they come from and the quarter they go to: 16 cells of
  // size/16 each.
  const size = 1 << 14;
  const cells = new Array<number>(16).fill(0);
  for (let seed = 0; seed < 8; seed += 1) {
    const { at } = permutation(size, seed);
    for (let position = 0; position < size; position += 1) {
      const cell = 4 * Math.floor((4 * position) / size) + Math.floor((4 * at(position)) / size);
      cells[cell] = (cells[cell] ?? 0) + 1;
    }
  }
  const mean = (8 * size) / 16;
  // Six standard deviations of a count with that mean.
  for (const count of cells) t.true(Math.abs(count - mean) < 6 * Math.sqrt(mean), `${count}`);
});

test('Interleaving keeps every source within one document of its share of the tokens', (t) => {
  const weights = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 5 });
  const some = weights.filter((all) => all.some((weight) => weight > 0));
  fc.assert(
    fc.property(
      some,
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 5 }),
      (given, lengths) => {
        const total = given.reduce((sum, weight) => sum + weight, 0);
        const tokens = given.map(() => 0);
        let all = 0;
        let turn = 0;
        let length = 0;
        const most = Math.max(...lengths);
        for (const source of interleave(given, () => length)) {
          length = lengths[turn % lengths.length] ?? 1;
          tokens[source] = (tokens[source] ?? 0) + length;
          all += length;
          turn += 1;
          for (const [index, weight] of given.entries()) {
            const share = (weight / total) * all;
            // Chosen one token ahead of its share at most, then given a document; the others share
            // what that is.
            const ahead = (tokens[index] ?? 0) - share;
            t.true(ahead <= most + 1);
            t.true(-ahead <= (most + 1) * (given.length - 1));
            if (weight === 0) t.is(tokens[index], 0);
          }
          if (turn === 200) break;
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('Equal documents of equal weights come in turns, the first source first', (t) => {
  const picks: number[] = [];
  for (const source of interleave([1, 2, 1], () => 10)) {
    picks.push(source);
    if (picks.length === 8) break;
  }
  t.deepEqual(picks, [1, 0, 2, 1, 1, 0, 2, 1]);
});
