// How like its target a restored picture is: PSNR and SSIM of the brightness, as papers on
// restoration have them. Pure, of values from 0 to 1.

interface Pixels {
  readonly width: number;
  readonly height: number;
  /** `[height, width, 3]`: red, green, blue. */
  readonly values: ArrayLike<number>;
}

interface Likeness {
  /** Peak signal-to-noise ratio in decibels; infinite for equal pictures. */
  readonly psnr: number;
  /** Structural similarity, up to 1. Wang, Bovik, Sheikh & Simoncelli 2004. */
  readonly ssim: number;
}

/**
 * Of 8-bit pictures: both are rounded and clipped first, and lose `border` pixels on each side. No
 * SSIM, which is then NaN, for pictures that are smaller than its window of 11 x 11.
 */
export function likeness(restored: Pixels, target: Pixels, border: number): Likeness {
  const [a, b] = [restored, target].map((one) => brightness(one, border)) as [Plane, Plane];
  const squares = a.values.reduce((sum, value, i) => sum + (value - (b.values[i] ?? 0)) ** 2, 0);
  const psnr = 10 * Math.log10((255 ** 2 * a.values.length) / squares);
  return { psnr, ssim: similarity(a, b) };
}

interface Plane {
  readonly width: number;
  readonly height: number;
  readonly values: Float64Array;
}

/** Y of ITU-R 601, from 16 to 235. */
function brightness({ width, height, values }: Pixels, border: number): Plane {
  const inner = { width: width - 2 * border, height: height - 2 * border };
  const in8Bits = (at: number): number =>
    Math.max(0, Math.min(255, Math.round(255 * (values[at] ?? 0)))) / 255;
  const found = Float64Array.from({ length: inner.width * inner.height }, (_, i) => {
    const y = border + Math.floor(i / inner.width);
    const at = 3 * (y * width + border + (i % inner.width));
    return 65.481 * in8Bits(at) + 128.553 * in8Bits(at + 1) + 24.966 * in8Bits(at + 2) + 16;
  });
  return { ...inner, values: found };
}

const [c1, c2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];

/** The mean over all places of a Gaussian window that lies inside. */
function similarity(a: Plane, b: Plane): number {
  const windowed = (of: (i: number) => number): Plane =>
    inWindow({ ...a, values: a.values.map((_, i) => of(i)) });
  const [x, y] = [(i: number) => a.values[i] ?? 0, (i: number) => b.values[i] ?? 0];
  const [meanA, meanB] = [windowed(x), windowed(y)];
  const [squareA, squareB] = [windowed((i) => x(i) ** 2), windowed((i) => y(i) ** 2)];
  const products = windowed((i) => x(i) * y(i));
  const all = meanA.values.map((u, i) => {
    const v = meanB.values[i] ?? 0;
    const both = (products.values[i] ?? 0) - u * v;
    const spread = (squareA.values[i] ?? 0) - u * u + (squareB.values[i] ?? 0) - v * v;
    return ((2 * u * v + c1) * (2 * both + c2)) / ((u * u + v * v + c1) * (spread + c2));
  });
  return all.reduce((sum, one) => sum + one, 0) / all.length;
}

const reach = 5;
const deviation = 1.5;
const unscaled = Array.from({ length: 2 * reach + 1 }, (_, i) =>
  Math.exp(-((i - reach) ** 2) / (2 * deviation ** 2)),
);
const total = unscaled.reduce((sum, one) => sum + one, 0);
const weights = unscaled.map((one) => one / total);

function inWindow({ width, height, values }: Plane): Plane {
  const [across, down] = [width - 2 * reach, height - 2 * reach].map((side) =>
    Math.max(0, side),
  ) as [number, number];
  const rows = new Float64Array(across * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < across; x += 1) {
      let sum = 0;
      for (const [k, weight] of weights.entries()) sum += weight * (values[y * width + x + k] ?? 0);
      rows[y * across + x] = sum;
    }
  }
  const both = new Float64Array(across * down);
  for (let i = 0; i < both.length; i += 1) {
    let sum = 0;
    for (const [k, weight] of weights.entries()) sum += weight * (rows[i + k * across] ?? 0);
    both[i] = sum;
  }
  return { width: across, height: down, values: both };
}
