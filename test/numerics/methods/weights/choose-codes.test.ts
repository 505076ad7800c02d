import test from 'ava';
import { type CodeChoice, chooseCodes } from '../../../../worker/methods/weights/choose-codes.ts';
import { decodeCodebook } from '../../../../worker/methods/weights/codebook.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { setThreads, threads } from '../../../../worker/tensor/threads.ts';

const stream = streamOf(6, 'choose-codes.test');
const small: CodeChoice = { codebooks: 2, bits: 4, groupSize: 4, beam: 4, refinements: 4 };
const draw = (...shape: readonly number[]): Tensor => normal(shape, 1, streamOf(7, 'weights'));

function errorOf(weight: Tensor, choice: CodeChoice, own = stream): number {
  return scope(() => {
    const values = decodeCodebook(chooseCodes(weight, choice, own), 'float32');
    const norm = (x: Tensor): number => item(ops.linalgVectorNorm(x));
    return norm(ops.sub(weight, values)) / norm(weight);
  });
}

test('with no more groups than vectors, codes leave nothing out', (t) => {
  scope(() => {
    const weight = draw(4, 16);
    // Rounding of a division by the scale and a product with it, and of the mean of one.
    t.true(errorOf(weight, { ...small, codebooks: 1 }) < 8 * 2 ** -23);
  });
});

test('a random matrix in 2 bits a weight is nearer than 2-bit whole numbers in groups of 64', (t) => {
  scope(() => {
    const error = errorOf(draw(256, 512), { ...small, bits: 8, groupSize: 8 });
    // Those are off by 0.457 on a normal; no code of 2 bits a value can be nearer than 0.25.
    t.true(error < 0.36, `${error}`);
    t.true(error > 0.25, `${error}`);
  });
});

test('each codebook and each refinement takes something off the error', (t) => {
  scope(() => {
    const weight = draw(64, 128);
    const by = (change: Partial<CodeChoice>): number => errorOf(weight, { ...small, ...change });
    const books = [1, 2, 3].map((codebooks) => by({ codebooks, refinements: 0 }));
    t.true((books[1] ?? 1) < (books[0] ?? 0) && (books[2] ?? 1) < (books[1] ?? 0), `${books}`);
    const rounds = [0, 1, 2, 4, 8].map((refinements) => by({ refinements }));
    for (const [i, error] of rounds.entries()) {
      if (i > 0) t.true(error <= (rounds[i - 1] ?? 0) * (1 + 1e-4), `${rounds}`);
    }
    t.true((rounds.at(-1) ?? 1) < 0.97 * (rounds[0] ?? 0), `${rounds}`);
  });
});

test('a row of zeros and equal rows are clustered too', (t) => {
  scope(() => {
    const weight = draw(8, 32);
    ops.zero_(ops.select(weight, 0, 3));
    ops.copy_(ops.select(weight, 0, 5), ops.select(weight, 0, 4));
    const values = decodeCodebook(chooseCodes(weight, small, stream), 'float32');
    t.true(toArray(values).every(Number.isFinite));
    t.true(item(ops.amax(ops.abs(ops.select(values, 0, 3)))) <= 1e-8);
    const zeros = ops.zeros([4, 16], { dtype: 'float32' });
    t.true(errorOfZeros(zeros) <= 1e-8);
  });
});

function errorOfZeros(zeros: Tensor): number {
  return item(ops.amax(ops.abs(decodeCodebook(chooseCodes(zeros, small, stream), 'float32'))));
}

test.serial(
  'the same stream gives the same codes, for any number of threads; another gives others',
  (t) => {
    const before = threads();
    try {
      scope(() => {
        const weight = draw(96, 64);
        const bytes = (count: number, seed = 1): readonly Uint8Array[] => {
          setThreads(count);
          const found = chooseCodes(weight, small, streamOf(seed, 'codes'));
          return [found.codes, found.codebooks, found.scales].map(toBytes);
        };
        const [one, two] = [bytes(1), bytes(2)];
        t.deepEqual(one, two);
        t.notDeepEqual(one[0], bytes(1, 2)[0]);
      });
    } finally {
      setThreads(before);
    }
  },
);
