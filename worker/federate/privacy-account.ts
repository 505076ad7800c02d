// What steps of DP-SGD cost of privacy: Rényi differential privacy of the Gaussian mechanism on
// Poisson samples (Mironov, Talwar, Zhang 2019), at integer orders:
//   rho(a) = log( sum_k C(a,k) (1-q)^(a-k) q^k exp((k^2-k) / (2 sigma^2)) ) / (a-1)
// and its conversion to (epsilon, delta) by Balle et al. 2020. `classic` is the older conversion,
// for comparison with tables that used it. Fewer orders than all give a bound that is larger, never
// one that is too small.
import { invariant } from '../../crds/failures/errors.ts';

interface Spent {
  /** Probability of each record to be in a step. */
  readonly rate: number;
  /** Deviation of the noise, as a multiple of the norm that records are clipped to. */
  readonly noise: number;
  /** Of all rounds; one that was repeated after a crash counts again. */
  readonly steps: number;
}

/** The epsilon of all of it together, at this delta. */
export function epsilonOf(
  spent: readonly Spent[],
  delta: number,
  conversion: 'tight' | 'classic' = 'tight',
): number {
  invariant(delta > 0 && delta < 1, `delta is ${delta}; it must be between 0 and 1`);
  const bounds = orders.map((order) => {
    const rho = spent.reduce((sum, one) => sum + one.steps * divergence(one, order), 0);
    return conversion === 'classic'
      ? rho - Math.log(delta) / (order - 1)
      : rho + Math.log1p(-1 / order) - (Math.log(delta) + Math.log(order)) / (order - 1);
  });
  return Math.max(0, Math.min(...bounds));
}

/** The least noise with which that many steps stay within `epsilon`, to a part in a million. */
export function noiseFor(
  { rate, steps }: Omit<Spent, 'noise'>,
  epsilon: number,
  delta: number,
): number {
  const fits = (noise: number): boolean => epsilonOf([{ rate, steps, noise }], delta) <= epsilon;
  let [low, high] = [0, 1];
  while (!fits(high)) {
    invariant(high < 1e9, `no noise keeps ${steps} steps within epsilon ${epsilon}`);
    [low, high] = [high, 2 * high];
  }
  while (high - low > 1e-6 * high) {
    const middle = (low + high) / 2;
    if (fits(middle)) high = middle;
    else low = middle;
  }
  return high;
}

const orders: readonly number[] = [
  ...Array.from({ length: 62 }, (_, i) => i + 2),
  ...[80, 96, 128, 160, 192, 256, 320, 384, 512, 768, 1024],
];

/** Of one step. */
export function divergence({ rate, noise }: Pick<Spent, 'rate' | 'noise'>, order: number): number {
  invariant(rate >= 0 && rate <= 1, `the rate is ${rate}; it must be from 0 to 1`);
  if (rate === 0) return 0;
  if (noise === 0) return Number.POSITIVE_INFINITY;
  if (rate === 1) return order / (2 * noise ** 2);
  const terms: number[] = [];
  let choices = 0;
  for (let k = 0; k <= order; k += 1) {
    if (k > 0) choices += Math.log(order - k + 1) - Math.log(k);
    const chance = (order - k) * Math.log1p(-rate) + k * Math.log(rate);
    terms.push(choices + chance + (k * k - k) / (2 * noise ** 2));
  }
  return logOfSum(terms) / (order - 1);
}

function logOfSum(terms: readonly number[]): number {
  const largest = Math.max(...terms);
  return largest + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - largest), 0));
}
