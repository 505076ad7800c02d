// Weights of resizing a row of values by cubic convolution, without antialiasing, as
// `torch.nn.functional.interpolate` has it. Keys 1981.

/** The free parameter of the kernel: its slope at distance 1. */
const a = -0.75;

/**
 * `[to, from]`, row by row: value i of the resized row is the sum of the old values by the weights
 * of row i. Values behind an end are those at the end; centres of pixels keep their places.
 */
export function bicubicWeights(from: number, to: number): Float64Array {
  const weights = new Float64Array(to * from);
  for (let i = 0; i < to; i += 1) {
    const centre = ((i + 0.5) * from) / to - 0.5;
    const first = Math.floor(centre) - 1;
    for (let k = first; k < first + 4; k += 1) {
      const at = i * from + Math.min(Math.max(k, 0), from - 1);
      weights[at] = (weights[at] ?? 0) + kernel(Math.abs(centre - k));
    }
  }
  return weights;
}

function kernel(distance: number): number {
  if (distance <= 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return distance < 2 ? (((distance - 5) * distance + 8) * distance - 4) * a : 0;
}
