import test from 'ava';
import { type Plane, sideBySide } from '../../../worker/restoration/side-by-side.ts';

/** Grey, so that a pixel is one value. */
function plane(width: number, height: number, grey: readonly number[]): Plane {
  return { width, height, values: grey.flatMap((value) => [value, value, value]) };
}

test('pictures stand beside each other, as high as the highest, with white between them', (t) => {
  const { width, height, channels, pixels } = sideBySide([
    plane(1, 1, [0]),
    plane(2, 2, [0.5, 2, -1, 1]),
  ]);
  t.deepEqual({ width, height, channels }, { width: 8, height: 2, channels: 3 });
  const reds = Array.from({ length: 16 }, (_, i) => pixels[3 * i]);
  t.deepEqual(reds.slice(0, 8), [0, 0, 255, 255, 255, 255, 128, 255]);
  t.deepEqual(reds.slice(8), [0, 0, 255, 255, 255, 255, 0, 255]);
});
