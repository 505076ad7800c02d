// How much noise there is at each time step of a diffusion: `x_t = signal x_0 + noise e`. Ho et al.
// 2020, equation 4.

/** The betas of a schedule: variances of the noise that each time step adds. */
export interface Betas {
  /** Time steps. */
  readonly steps: number;
  /** Of the first and of the last time step; those between are on a line. */
  readonly first: number;
  readonly last: number;
}

export interface NoiseLevel {
  /** Factor of the picture: the root of the product of all `1 - beta` so far. */
  readonly signal: number;
  /** Factor of standard normal noise; both squared give 1. */
  readonly noise: number;
}

/** The levels of all time steps, by their number. */
export function noiseLevels({ steps, first, last }: Betas): readonly NoiseLevel[] {
  let product = 1;
  return Array.from({ length: steps }, (_, t) => {
    product *= 1 - (first + ((last - first) * t) / Math.max(1, steps - 1));
    return levelOf(product);
  });
}

/** A picture without noise. */
export const noNoise: NoiseLevel = { signal: 1, noise: 0 };

function levelOf(product: number): NoiseLevel {
  return { signal: Math.sqrt(product), noise: Math.sqrt(1 - product) };
}
