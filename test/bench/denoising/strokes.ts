// Digits with other strokes than those of scikit-learn, and what strokes of pictures are like.
// Pixels lie from 0 to 1, row after row.
import { digitSide as side } from '../../setup/digits.ts';

type Pixels = ArrayLike<number>;

const at = (pixels: Pixels, y: number, x: number): number =>
  y < 0 || x < 0 || y >= side || x >= side ? 0 : (pixels[y * side + x] ?? 0);

const each = (value: (y: number, x: number) => number): number[] =>
  Array.from({ length: side ** 2 }, (_, i) => value(Math.floor(i / side), i % side));

/** Each pixel becomes the darkest of itself and its four neighbours, which count less. */
export function thickened(pixels: Pixels): number[] {
  const share = 0.75;
  return each((y, x) => {
    const beside = [at(pixels, y - 1, x), at(pixels, y + 1, x)];
    const sides = [at(pixels, y, x - 1), at(pixels, y, x + 1)];
    return Math.max(at(pixels, y, x), share * Math.max(...beside, ...sides));
  });
}

/** Rows move by so much of a pixel a row, those above the middle to the right. */
export function sheared(pixels: Pixels, shear = 0.4): number[] {
  return each((y, x) => {
    const from = x - shear * ((side - 1) / 2 - y);
    const left = Math.floor(from);
    const part = from - left;
    return (1 - part) * at(pixels, y, left) + part * at(pixels, y, left + 1);
  });
}

/** All of it one row lower. */
export function lowered(pixels: Pixels): number[] {
  return each((y, x) => at(pixels, y - 1, x));
}

/** With half of the ink. */
export function faded(pixels: Pixels): number[] {
  return Array.from(pixels, (value) => value / 2);
}

/** How far down the ink lies: the mean of its rows, from 0. */
export function depth(pixels: Pixels): number {
  let [ink, rows] = [0, 0];
  for (let i = 0; i < side ** 2; i += 1) {
    const own = pixels[i] ?? 0;
    ink += own;
    rows += own * Math.floor(i / side);
  }
  return ink === 0 ? 0 : rows / ink;
}

/** The most ink of a pixel. */
export function darkest(pixels: Pixels): number {
  return Math.max(...Array.from(pixels));
}

/** Twice the ink by the length of its edge: of a long stroke its width in pixels. */
export function thickness(pixels: Pixels): number {
  let [ink, edge] = [0, 0];
  for (let y = -1; y < side; y += 1) {
    for (let x = -1; x < side; x += 1) {
      const own = at(pixels, y, x);
      ink += own;
      edge += Math.abs(at(pixels, y + 1, x) - own) + Math.abs(at(pixels, y, x + 1) - own);
    }
  }
  return edge === 0 ? 0 : (2 * ink) / edge;
}

/** By how much of a pixel a row the ink leans to the right, upwards; by its second moments. */
export function slant(pixels: Pixels): number {
  const sum = (value: (y: number, x: number) => number): number =>
    each((y, x) => at(pixels, y, x) * value(y, x)).reduce((all, one) => all + one, 0);
  const ink = sum(() => 1);
  if (ink === 0) return 0;
  const [my, mx] = [sum((y) => y) / ink, sum((_, x) => x) / ink];
  const across = sum((y, x) => (y - my) * (x - mx));
  const down = sum((y) => (y - my) ** 2);
  return down === 0 ? 0 : -across / down;
}
