// Fixed positions of patches in a square grid, and of time steps: sines and cosines of rates that
// fall by powers of 10,000. Vaswani et al. 2017, Peebles & Xie 2023.

/**
 * Positions `[side * side, width]`, row by row: the first half of the columns are sines and cosines
 * of the column of a patch, the second half those of its row. In float32, as diffusers keeps them.
 */
export function gridPositions(side: number, width: number): Float32Array {
  const quarter = width / 4;
  const values = new Float32Array(side * side * width);
  for (let patch = 0; patch < side * side; patch += 1) {
    for (const [half, at] of [patch % side, Math.floor(patch / side)].entries()) {
      const begin = patch * width + 2 * half * quarter;
      for (let i = 0; i < quarter; i += 1) {
        const angle = at / 10_000 ** (i / quarter);
        values[begin + i] = Math.sin(angle);
        values[begin + quarter + i] = Math.cos(angle);
      }
    }
  }
  return values;
}

/** Values by which a time step is known. */
export const timeWidth = 256;

/**
 * `[times, 256]`: cosines, then sines. diffusers lets the last of the 128 rates be 1/10,000, so its
 * exponents are divided by 127; the paper's own code divides by 128, and gives other values.
 */
export function timeFrequencies(times: ArrayLike<number>): Float64Array {
  const half = timeWidth / 2;
  const values = new Float64Array(times.length * timeWidth);
  for (let row = 0; row < times.length; row += 1) {
    for (let i = 0; i < half; i += 1) {
      const angle = (times[row] ?? 0) * 10_000 ** (-i / (half - 1));
      values[row * timeWidth + i] = Math.cos(angle);
      values[row * timeWidth + half + i] = Math.sin(angle);
    }
  }
  return values;
}
