import test from 'ava';
import { dynamicMap } from '../../../../worker/methods/optimizers/dynamic-map.ts';

/**
 * The paper's construction in its own words: bounds in equal steps from 0.1 to 1, and the means
 * between them.
 */
function fromThePaper(signed: boolean): readonly number[] {
  const values = [0, 1];
  for (let exponent = -6; exponent <= 0; exponent += 1) {
    const bounds = 2 ** (exponent + 6) * (signed ? 1 : 2) + 1;
    const linear = Array.from({ length: bounds }, (_, i) => 0.1 + (0.9 * i) / (bounds - 1));
    for (let i = 1; i < bounds; i += 1) {
      const mean = ((linear[i - 1] ?? 0) + (linear[i] ?? 0)) / 2;
      values.push(mean * 10 ** exponent);
      if (signed) values.push(-mean * 10 ** exponent);
    }
  }
  return values.sort((a, b) => a - b);
}

for (const kind of ['signed', 'unsigned'] as const) {
  test(`the ${kind} map has the 256 values of the paper, ascending`, (t) => {
    const map = dynamicMap(kind);
    const expected = fromThePaper(kind === 'signed');
    t.is(map.length, 256);
    t.is(expected.length, 256);
    for (const [i, value] of map.entries()) {
      // One rounding to float32, and that of two orders of the same products.
      t.true(Math.abs(value - (expected[i] ?? 2)) <= 2 ** -23 * Math.abs(value), `${i}: ${value}`);
      if (i > 0) t.true(value > (map[i - 1] ?? 2));
    }
  });

  test(`nothing and the largest of a block are exact in the ${kind} map`, (t) => {
    const map = [...dynamicMap(kind)];
    t.true(map.includes(0));
    t.is(map.at(-1), 1);
  });
}

test('every value from the smallest decade on has a code within a quarter of its power of ten', (t) => {
  const map = [...dynamicMap('unsigned')];
  for (let x = 1.01e-7; x <= 1; x *= 1.01) {
    const nearest = Math.min(...map.map((value) => Math.abs(value - x)));
    // Where the decades have fewest steps, two, each is 0.45 of the power of ten wide.
    t.true(nearest <= 0.225 * 10 ** Math.ceil(Math.log10(x)) * (1 + 2 ** -22), `${x}`);
  }
});
