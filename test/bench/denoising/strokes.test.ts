import test from 'ava';
import { darkest, depth, faded, lowered, sheared, slant, thickened, thickness } from './strokes.ts';

/** An upright stroke, so many pixels wide. */
const stroke = (width: number): number[] =>
  Array.from({ length: 64 }, (_, i) => {
    const [y, x] = [Math.floor(i / 8), i % 8];
    return Number(y >= 1 && y <= 6 && x >= 3 && x < 3 + width);
  });

test('wider strokes are thicker, and those that are made thicker', (t) => {
  t.true(thickness(stroke(2)) > 1.2 * thickness(stroke(1)));
  t.true(thickness(thickened(stroke(1))) > 1.2 * thickness(stroke(1)));
  t.is(thickness(new Float32Array(64)), 0);
});

test('a stroke leans by what it was sheared by', (t) => {
  t.is(Math.abs(slant(stroke(1))), 0);
  for (const shear of [-0.3, 0.2, 0.4]) {
    t.true(Math.abs(slant(sheared(stroke(1), shear)) - shear) < 1e-9, `${shear}`);
  }
  t.is(slant(new Float32Array(64)), 0);
});

test('what moves down or fades is as thick and leans as before', (t) => {
  const plain = stroke(1);
  const low = lowered(plain);
  t.is(depth(low), depth(plain) + 1);
  t.is(darkest(faded(plain)), darkest(plain) / 2);
  for (const changed of [low, faded(plain)]) {
    t.true(Math.abs(thickness(changed) - thickness(plain)) < 1e-9);
    t.true(Math.abs(slant(changed)) < 1e-9);
  }
  t.is(depth(faded(plain)), depth(plain));
  t.is(darkest(low), darkest(plain));
  t.is(depth(new Float32Array(64)), 0);
});
