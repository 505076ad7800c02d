// The discriminator: at its minimum the gradient is zero, it tells apart what can be told apart,
// and what it keeps is nearer to what it was to find (TL-4).
import test from 'ava';
import { drawsOf, streamOf } from '../../../worker/tensor/streams.ts';
import {
  areaUnderCurve,
  type Features,
  fitDiscriminator,
  probabilityOf,
} from '../../../worker/transfer/discriminator.ts';

const size = 12;

/** Points around a centre that `shift` moves along the first feature. */
function points(count: number, shift: number, name: string): readonly Features[] {
  const draws = drawsOf(streamOf(3, name));
  const noise = (): number => draws.uniform() + draws.uniform() + draws.uniform() - 1.5;
  return Array.from({ length: count }, () =>
    Array.from({ length: size }, (_, i) => noise() + (i === 0 ? shift : 0)),
  );
}

test('the fit is the minimum of the loss with its ridge', (t) => {
  const [real, generated] = [points(30, 1, 'real'), points(20, 0, 'generated')];
  const found = fitDiscriminator(real, generated);
  const all = [...real, ...generated];
  // Central differences of the objective as the header of the module states it.
  const objective = (weights: readonly number[], bias: number): number => {
    const losses = all.map((one, i) => {
      const x = one.map((value, j) => (value - (found.mean[j] ?? 0)) / (found.scale[j] ?? 1));
      const f = x.reduce((sum, value, j) => sum + value * (weights[j] ?? 0), bias);
      return Math.log1p(Math.exp(i < real.length ? -f : f));
    });
    const squares = weights.reduce((sum, w) => sum + w * w, bias * bias);
    return losses.reduce((a, b) => a + b, 0) / all.length + squares / 2;
  };
  const step = 1e-5;
  const slopes = [...found.weights, found.bias].map((_, at) => {
    const moved = (by: number) =>
      objective(
        found.weights.map((w, j) => (j === at ? w + by : w)),
        at === size ? found.bias + by : found.bias,
      );
    return (moved(step) - moved(-step)) / (2 * step);
  });
  // Differences of two sums of about one, in float64, over 2e-5: 1e-11, and far below any slope.
  t.true(Math.max(...slopes.map(Math.abs)) < 1e-9, `${slopes}`);
});

test('it tells others apart, and what it keeps is nearer to the real ones', (t) => {
  const fitted = fitDiscriminator(points(60, 1.5, 'a'), points(60, 0, 'b'));
  const [real, generated] = [points(80, 1.5, 'c'), points(80, 0, 'd')];
  const rate = (all: readonly Features[]) => all.map((one) => probabilityOf(fitted, one));
  const auc = areaUnderCurve(rate(real), rate(generated));
  t.true(auc > 0.8, `${auc}`);
  const kept = generated.filter((one) => probabilityOf(fitted, one) >= 0.5);
  t.true(kept.length > 0 && kept.length < generated.length / 2, `${kept.length}`);
  t.true(discrepancy(kept, real) < discrepancy(generated, real));
});

test('what does not differ cannot be told apart, and a feature that never varies counts nothing', (t) => {
  const same = points(20, 0, 'same').map((one) => [...one, 7]);
  const found = fitDiscriminator(same, same);
  t.is(found.weights.at(-1), 0);
  for (const one of same) t.true(Math.abs(probabilityOf(found, one) - 0.5) < 1e-9);
});

test('the area under the curve counts pairs, and ties half', (t) => {
  t.is(areaUnderCurve([3, 4], [1, 2]), 1);
  t.is(areaUnderCurve([1, 2], [3, 4]), 0);
  t.is(areaUnderCurve([2, 2], [2, 2]), 0.5);
  t.is(areaUnderCurve([1, 3], [2, 2]), 0.5);
});

/** Squared maximum mean discrepancy with a Gaussian kernel. */
function discrepancy(a: readonly Features[], b: readonly Features[]): number {
  const kernel = (x: Features, y: Features): number =>
    Math.exp(-x.reduce((sum, value, i) => sum + (value - (y[i] ?? 0)) ** 2, 0) / (2 * size));
  const mean = (of: readonly Features[], other: readonly Features[]): number =>
    of.reduce((sum, x) => sum + other.reduce((inner, y) => inner + kernel(x, y), 0), 0) /
    (of.length * other.length);
  return mean(a, a) + mean(b, b) - 2 * mean(a, b);
}
