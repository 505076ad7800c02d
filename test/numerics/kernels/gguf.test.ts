// Blocks of GGUF: the same bytes however they are computed, the laws of rounding to a grid, and
// what is refused. test/peers compares them with ggml's.
import test from 'ava';
import { ggufTensorType } from '../../../worker/files/gguf-types.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal, uniform } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { item, type Tensor, tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { onEachIsa } from './compare.ts';

const types = [
  ...(['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0'] as const),
  ...(['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'] as const),
];
type Type = (typeof types)[number];
const columns = 768;

const drawn = (rows: number): Tensor => normal([rows, columns], 0.02, streamOf(1, 'gguf'));
const important = (): Tensor => ops.exp(normal([columns], 2, streamOf(1, 'importance')));

function blocksOf(values: Tensor, type: Type, importance: Tensor | null = null): Tensor {
  return ops.ggufQuantize(values, ggufTensorType(type).code, importance);
}

function rounded(values: Tensor, type: Type, importance: Tensor | null = null): Tensor {
  const { code } = ggufTensorType(type);
  const blocks = blocksOf(values, type, importance);
  const flat = ops.ggufDequantize(blocks, code, values.numel, { dtype: 'float32' });
  return ops.view(flat, values.shape);
}

/** Sum of weighted squared errors over that of weighted squares. */
function lossOf(values: Tensor, type: Type, importance: Tensor | null, weights: Tensor): number {
  const gap = ops.sub(rounded(values, type, importance), values);
  const sum = (x: Tensor) => item(ops.sum(ops.mul(ops.mul(x, x), weights)));
  return sum(gap) / sum(values);
}

test.serial('the same bytes for any instruction set, number of threads and type of input', (t) => {
  for (const type of types) {
    for (const rows of [1, 5, 67]) {
      scope(() => {
        const values = ops.to(drawn(rows), 'bfloat16');
        const wide = ops.to(values, 'float32');
        for (const importance of [null, important()]) {
          const found = new Set<string>();
          const add = (input: Tensor) =>
            found.add(Buffer.from(toBytes(blocksOf(input, type, importance))).toString('base64'));
          onEachIsa(() => {
            for (const threads of [1, 2, 3]) {
              setThreads(threads);
              add(wide);
            }
          });
          for (const dtype of ['bfloat16', 'float64'] as const) add(ops.to(values, dtype));
          setThreads(1);
          t.is(found.size, 1, `${type}, ${rows} rows`);
        }
      });
    }
  }
});

test('errors fall with the bits of a type, and are those of a grid of so many', (t) => {
  scope(() => {
    const values = drawn(32);
    const even = ops.ones([columns]);
    const losses = new Map(types.map((type) => [type, lossOf(values, type, null, even)]));
    t.log(Object.fromEntries(losses));
    const order = ['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'Q8_0'] as const;
    for (const [i, type] of order.entries()) {
      const next = order[i + 1];
      // A bit less is a step twice as wide, a square four times as large.
      if (next !== undefined) t.true(losses.get(type)! > 2 * losses.get(next)!, type);
    }
    t.true(losses.get('Q4_K')! < losses.get('Q4_0')!);
    t.true(losses.get('Q5_K')! < losses.get('Q5_0')!);
    t.true(losses.get('Q4_1')! < losses.get('Q4_0')!);
  });
});

test('a group that is scaled by a power of two, or stands in another row, has the same codes', (t) => {
  for (const type of types) {
    scope(() => {
      // Steps far above the smallest of float16.
      const values = ops.mulScalar(drawn(4), 4096);
      const own = rounded(values, type);
      t.deepEqual(
        toBytes(rounded(ops.mulScalar(values, 8), type)),
        toBytes(ops.mulScalar(own, 8)),
        type,
      );
      const turned = [1, 3, 0, 2].map((row) => ops.narrow(values, 0, row, 1));
      const expected = [1, 3, 0, 2].map((row) => ops.narrow(own, 0, row, 1));
      t.deepEqual(toBytes(rounded(ops.cat(turned), type)), toBytes(ops.cat(expected)), type);
    });
  }
});

test('values on the grid of Q4_1 come back as they were', (t) => {
  scope(() => {
    const once = rounded(drawn(8), 'Q4_1');
    t.deepEqual(toBytes(rounded(once, 'Q4_1')), toBytes(once));
  });
});

test('an importance lowers the error of what is important', (t) => {
  scope(() => {
    const [values, importance] = [drawn(64), important()];
    for (const type of types) {
      const [without, under] = [null, importance].map((given) =>
        lossOf(values, type, given, importance),
      ) as [number, number];
      t.log(`${type}: ${without} without, ${under} with`);
      // Q8_0 leaves no choice.
      if (type === 'Q8_0') t.is(under, without);
      else t.true(under < without, type);
    }
  });
});

test('zeros stay zeros, and any float32 becomes finite values or a sentence', (t) => {
  for (const type of types) {
    scope(() => {
      const zeros = toBytes(ops.eqScalar(rounded(ops.zeros([2, columns]), type), 0));
      t.true(zeros.every(Boolean), type);
      for (let round = 0; round < 20; round += 1) {
        // Exponents from -126 to 127, of a range that narrows with the rounds.
        const stream = streamOf(round, 'any', type);
        const exponents = uniform([3, columns], -126 + 6 * round, 127, stream);
        const values = ops.mul(normal([3, columns], 1, stream), ops.exp2(exponents));
        const text = attempt(() => t.true(hasFiniteValues(rounded(values, type)), type));
        if (text !== undefined)
          t.regex(text, /: input has (a value that is not finite|values so large)/);
      }
    });
  }
});

const hasFiniteValues = (x: Tensor): boolean => item(ops.all(ops.isfinite(x))) !== 0;

function attempt(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

test('what cannot be quantised is refused in a sentence', (t) => {
  const refused = (act: () => Tensor, message: RegExp) =>
    t.throws(() => scope(() => void act()), { message });
  const values = () => drawn(2);
  refused(
    () => blocksOf(ops.zeros([4, 384]), 'Q4_K'),
    /input has rows of 384 values; a block of this type holds 256/,
  );
  refused(
    () => ops.ggufQuantize(values(), 9),
    /type is 9; the types that are written are 2, 3, 6, 7, 8 and 10 to 14/,
  );
  refused(() => blocksOf(ops.t(values()), 'Q8_0'), /input is not contiguous/);
  for (const type of types) {
    const [nan, huge] = [Number.NaN, 3e38].map((bad) => () => {
      const flat = ops.flatten(values());
      ops.copy_(ops.narrow(flat, 0, 700, 1), tensor([bad], [1], 'float32'));
      return blocksOf(ops.view(flat, [2, columns]), type);
    }) as [() => Tensor, () => Tensor];
    refused(nan, /input has a value that is not finite; it cannot be quantised/);
    refused(huge, /input has values so large that float16 cannot hold the step of their block/);
  }
  refused(
    () => blocksOf(values(), 'Q4_K', ops.ones([columns - 1])),
    /importance is Float \[767\]; it must be contiguous float32 with one weight for each of 768/,
  );
  refused(
    () => blocksOf(values(), 'Q4_K', ops.full([columns], -1, { dtype: 'float32' })),
    /importance of column 0 is -1; it must be finite and not negative/,
  );
});
