// The identities of federated averages, on random factors: each with the mutant that it catches.
import test from 'ava';
import { correctedB } from '../../../worker/federate/lora-fair.ts';
import {
  type Matrix,
  matrix,
  minus,
  norm,
  product,
  productNorm,
  rounded,
  solveRight,
  stackedColumns,
  stackedRows,
  times,
  transposed,
  weightedSum,
} from '../../../worker/federate/matrix.ts';
import {
  errorOfCores,
  errorOfMean,
  errorOfStack,
  type Factors,
  meanOfFactors,
  relativeError,
  type Scaled,
  stackedFactors,
  weightsOf,
} from '../../../worker/federate/mean.ts';

const [out, inner] = [12, 10];

/** Normal values from a fixed stream. */
function normals(seed: number) {
  let state = seed;
  const uniform = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return (rows: number, columns: number): Matrix =>
    matrix(
      rows,
      columns,
      Array.from(
        { length: rows * columns },
        () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
      ),
    );
}

function clientsOf(ranks: readonly number[], scales: readonly number[] = []): readonly Scaled[] {
  const draw = normals(7);
  return ranks.map((rank, i) => ({
    ...{ A: draw(rank, inner), B: draw(out, rank), scale: scales[i] ?? 1 },
  }));
}

const largest = ({ values }: Matrix): number => Math.max(...values.map(Math.abs));
const BA = ({ A, B }: Factors): Matrix => product(B, A);
const meanOfProducts = (weights: readonly number[], clients: readonly Scaled[]): Matrix =>
  weightedSum(
    weights,
    clients.map((one) => times(BA(one), one.scale)),
  );
const weights = weightsOf('Samples', [{ samples: 100 }, { samples: 50 }, { samples: 250 }]);

test('weights follow the records, or are alike, and add up to 1', (t) => {
  t.deepEqual(weights, [0.25, 0.125, 0.625]);
  t.deepEqual(weightsOf('Uniform', [{ samples: 3 }, { samples: 9 }]), [0.5, 0.5]);
});

test('a stack is the mean of the products, for any ranks and scales', (t) => {
  const clients = clientsOf([2, 4, 8], [2, 2, 0.5]);
  const exact = meanOfProducts(weights, clients);
  const stack = stackedFactors(weights, clients);
  t.is(stack.A.rows, 14);
  t.true(largest(minus(BA(stack), exact)) < 1e-12);
  const twice = {
    A: stack.A,
    B: stackedColumns(clients.map(({ B }, i) => times(B, weights[i] ?? 0))),
  };
  t.true(norm(minus(BA(twice), exact)) > 0.1 * norm(exact), 'weights in both factors are noticed');
});

test('averaged factors lose an update that two clients write with opposite signs', (t) => {
  const [one] = clientsOf([3]);
  if (one === undefined) return t.fail();
  const clients = [one, { A: times(one.A, -1), B: times(one.B, -1), scale: 1 }];
  const half = [0.5, 0.5];
  t.is(largest(BA(meanOfFactors(half, clients))), 0);
  t.true(largest(minus(BA(stackedFactors(half, clients)), BA(one))) < 1e-12);
});

test('averaged factors are wrong by the covariance of both', (t) => {
  const clients = clientsOf([4, 4, 4]);
  const mean = meanOfFactors(weights, clients);
  const covariance = weightedSum(
    weights,
    clients.map(({ A, B }) => product(minus(B, mean.B), minus(A, mean.A))),
  );
  const gap = minus(meanOfProducts(weights, clients), BA(mean));
  t.true(largest(minus(gap, covariance)) < 1e-12);
  const { error, size } = errorOfMean(weights, clients, mean);
  t.true(Math.abs(error - norm(gap)) < 1e-12 * size);
  t.true(Math.abs(size - norm(meanOfProducts(weights, clients))) < 1e-12 * size);
  t.true(relativeError([{ error, size }]) > 0.1, 'random factors average badly');
});

test('with one A for all, averaged factors are exact', (t) => {
  const [first] = clientsOf([4]);
  const clients = clientsOf([4, 4, 4]).map((one) => ({ ...one, A: first?.A ?? one.A }));
  const mean = meanOfFactors([0.25, 0.25, 0.5], clients);
  t.deepEqual(mean.A, first?.A, 'weights that float64 has exactly leave A as it is');
  const given = { ...meanOfFactors(weights, clients), A: first?.A ?? mean.A };
  t.true(largest(minus(meanOfProducts(weights, clients), BA(given))) < 1e-12);
  t.true(relativeError([errorOfMean(weights, clients, given)]) < 1e-15);
});

test('cores between fixed factors average exactly', (t) => {
  const draw = normals(3);
  const fixed = { A: draw(5, inner), B: draw(out, 5) };
  const cores = [draw(5, 5), draw(5, 5), draw(5, 5)];
  const core = weightedSum(weights, cores);
  const exact = weightedSum(
    weights,
    cores.map((R) => product(product(fixed.B, R), fixed.A)),
  );
  t.true(largest(minus(product(product(fixed.B, core), fixed.A), exact)) < 1e-12);
  t.is(errorOfCores(weights, cores, core, fixed).error, 0);
  const single = errorOfCores(weights, cores, rounded(core), fixed);
  t.true(relativeError([single]) > 0 && relativeError([single]) < 2 ** -23);
});

test('a stack in float32 is wrong by its rounding alone', (t) => {
  const clients = clientsOf([2, 4, 8], [2, 2, 0.5]).map((one) => ({
    ...one,
    A: rounded(one.A),
    B: rounded(one.B),
  }));
  const stack = stackedFactors(weights, clients);
  const gap = errorOfStack(weights, clients, { ...stack, A: rounded(stack.A) });
  t.true(relativeError([gap]) > 0 && relativeError([gap]) < 2 ** -22);
});

test('LoRA-FAIR: the residual is the minimum, and never worse than none', (t) => {
  const clients = clientsOf([4, 4, 4]);
  const mean = meanOfFactors(weights, clients);
  const E = minus(meanOfProducts(weights, clients), BA(mean));
  const turned = transposed(mean.A);
  const onRows = product(solveRight(product(E, turned), product(mean.A, turned)), mean.A);
  const floor = norm(minus(E, onRows));
  let [before, size] = [0, Number.POSITIVE_INFINITY];
  for (const lambda of [1e-9, 1e-3, 1e-2, 0.1, 1, 10]) {
    const dB = minus(correctedB(weights, clients, mean, lambda), mean.B);
    const rest = minus(E, product(dB, mean.A));
    const gradient = weightedSum([lambda, -1], [dB, product(rest, turned)]);
    t.true(largest(gradient) < 1e-10, `lambda ${lambda}`);
    t.true(norm(rest) ** 2 + lambda * norm(dB) ** 2 <= norm(E) ** 2);
    t.true(norm(rest) >= before && norm(dB) <= size, 'more lambda, less residual');
    [before, size] = [norm(rest), norm(dB)];
    if (lambda === 1e-9) t.true(Math.abs(norm(rest) - floor) < 1e-8, 'at 0 the rows of A bound it');
    const dense = solveRight(
      product(E, turned),
      weightedSum([1, lambda], [product(mean.A, turned), identity(4)]),
    );
    t.true(largest(minus(dense, dB)) < 1e-10, 'as with E formed');
    const gap = errorOfMean(weights, clients, { A: mean.A, B: weightedSum([1, 1], [mean.B, dB]) });
    t.true(Math.abs(gap.error - norm(rest)) < 1e-12 * norm(E));
  }
});

test('one client is itself, whatever the rule', (t) => {
  const [client] = clientsOf([4], [2]);
  if (client === undefined) return t.fail();
  const mean = meanOfFactors([1], [client]);
  t.deepEqual([mean.A, mean.B], [client.A, client.B]);
  t.deepEqual(BA(stackedFactors([1], [client])), BA({ ...client, A: times(client.A, 2) }));
  t.true(largest(minus(correctedB([1], [client], mean, 0.01), client.B)) < 1e-13);
});

test('the norm of a product is that of what is not formed', (t) => {
  const draw = normals(11);
  const [left, right] = [draw(out, 6), draw(6, inner)];
  t.true(Math.abs(productNorm(left, right) - norm(product(left, right))) < 1e-12);
  t.deepEqual(stackedRows([left, left]).rows, 2 * out);
});

function identity(n: number): Matrix {
  return matrix(
    n,
    n,
    Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0)),
  );
}
