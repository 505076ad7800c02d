// Codes, vectors and scales fitted to what a layer gives: no round makes the error larger, what it
// is on inputs that are all alike, and how much it gains on inputs that are not.
import test from 'ava';
import { chooseCodes } from '../../../worker/methods/weights/choose-codes.ts';
import { type CodebookMatrix, decodeCodebook } from '../../../worker/methods/weights/codebook.ts';
import { damped, fitCodebooks_, outputError } from '../../../worker/quantize/fit-codebooks.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { bytesByThreads, draw } from '../kernels/compare.ts';

const choice = { codebooks: 2, bits: 4, groupSize: 4, beam: 4, refinements: 2 };
const fit = { rounds: 4, descents: 8, beam: 4 };

function started(weight: Tensor): CodebookMatrix {
  return chooseCodes(weight, choice, streamOf(3, 'fit-codebooks.test'));
}

/** Inputs of which few directions have most of the size, as those of real layers. */
function unevenGram(inputs: number): Tensor {
  const mixing = draw('mixing', [inputs, inputs], 'float32');
  const sizes = ops.exp(ops.mulScalar(draw('sizes', [1, inputs], 'float32'), 1.5));
  const x = ops.mm(ops.mul(draw('x', [4 * inputs, inputs], 'float32'), sizes), mixing);
  return ops.mm(ops.contiguous(ops.t(x)), x);
}

function squares(x: Tensor): number {
  return item(ops.linalgVectorNorm(x, 2, null, false, { dtype: 'float64' })) ** 2;
}

test('no round makes the error of the outputs larger, and the rounds take off most of it', (t) => {
  scope(() => {
    // More columns than a panel, and a panel that is not full.
    const weight = draw('w', [48, 152], 'float32');
    const gram = damped(unevenGram(152));
    const matrix = started(weight);
    const errors = fitCodebooks_({ matrix, weight, gram }, fit);
    t.is(errors.length, 5);
    for (const [i, error] of errors.entries()) {
      if (i > 0) t.true(error <= (errors[i - 1] ?? 0) * (1 + 1e-5), `${errors}`);
    }
    t.true((errors.at(-1) ?? 1) < 0.4 * (errors[0] ?? 0), `${errors}`);
    t.is(outputError({ matrix, weight, gram }), errors.at(-1) ?? 0);
  });
});

for (const [turn, settings] of Object.entries({
  'the search alone': { rounds: 1, descents: 0, beam: 1 },
  'a wide search': { rounds: 1, descents: 0, beam: 8 },
  'many descents': { rounds: 1, descents: 40, beam: 1 },
})) {
  test(`${turn} does not make the error larger`, (t) => {
    scope(() => {
      const weight = draw('w', [32, 64], 'float32');
      const gram = damped(unevenGram(64));
      const errors = fitCodebooks_({ matrix: started(weight), weight, gram }, settings);
      t.true((errors[1] ?? 1) < (errors[0] ?? 0), `${errors}`);
    });
  });
}

test('on inputs that are the identity, the error is that of the weights', (t) => {
  scope(() => {
    const weight = draw('w', [32, 64], 'float32');
    const matrix = started(weight);
    const gram = ops.eye(64, { dtype: 'float32' });
    const own = () => squares(ops.sub(decodeCodebook(matrix, 'float32'), weight));
    const before = own();
    const errors = fitCodebooks_({ matrix, weight, gram }, fit);
    t.true(Math.abs((errors[0] ?? 0) / before - 1) < 1e-5);
    t.true(Math.abs((errors.at(-1) ?? 0) / own() - 1) < 1e-5);
    t.true(own() < before);
  });
});

test('what codes stand for already stays as it is', (t) => {
  scope(() => {
    const matrix = started(draw('w', [32, 64], 'float32'));
    const weight = decodeCodebook(matrix, 'float32');
    const codes = toArray(matrix.codes);
    const errors = fitCodebooks_({ matrix, weight, gram: damped(unevenGram(64)) }, fit);
    t.is(errors[0], 0);
    t.deepEqual(toArray(matrix.codes), codes);
    t.true((errors.at(-1) ?? 1) < 1e-8, `${errors}`);
  });
});

test('a row of zeros and an input that no token has are fitted too', (t) => {
  scope(() => {
    const weight = draw('w', [16, 32], 'float32');
    ops.zero_(ops.select(weight, 0, 3));
    const gram = unevenGram(32);
    ops.zero_(ops.select(gram, 0, 5));
    ops.zero_(ops.select(gram, 1, 5));
    const matrix = started(weight);
    fitCodebooks_({ matrix, weight, gram: damped(gram) }, fit);
    t.true(toArray(decodeCodebook(matrix, 'float32')).every(Number.isFinite));
  });
});

test('a Gram matrix is damped in proportion to its mean diagonal', (t) => {
  scope(() => {
    const gram = ops.mulScalar(ops.eye(8, { dtype: 'float32' }), 500);
    t.deepEqual(
      toArray(ops.diagonal(damped(gram, 0.25))),
      Array.from({ length: 8 }, () => 1.25),
    );
  });
});

test('the same codes and vectors for any number of threads', (t) => {
  const [one, ...others] = bytesByThreads([1, 2, 3], () => {
    const weight = draw('w', [64, 128], 'float32');
    const matrix = started(weight);
    fitCodebooks_({ matrix, weight, gram: damped(unevenGram(128)) }, fit);
    return { outputs: Object.values(matrix), gradients: [] };
  });
  for (const other of others) t.deepEqual(other, one);
});
