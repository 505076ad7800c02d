// Weights on the blocks of a GGUF type: what products read is what the blocks decode to, and
// gradients pass but for values that no code reaches, by steps read from the bytes.
import test from 'ava';
import { ggufBlocks } from '../../../../crds/methods/fake-quantized.ts';
import { type GgufTypeName, ggufTensorType } from '../../../../worker/files/gguf-types.ts';
import { ggufGrid } from '../../../../worker/methods/weights/gguf-grid.ts';
import { grad, leaf, withTape } from '../../../../worker/tensor/autograd.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';

/** Grids of blocks are alike in all places. */
const whole = { path: 'any', first: 0 };

const none = () => {
  throw new Error('this grid has no tensors');
};

/** Heavy tails, and a group of zeros. */
function weights(rows: number, columns: number): Tensor {
  const w = normal([rows, columns], 1, streamOf(3n, 'blocks'), 'float32');
  const cubed = ops.mul(ops.mul(w, w), w);
  ops.fill_(ops.narrow(ops.narrow(cubed, 0, 1, 1), 1, 0, 32), 0);
  return cubed;
}

function half(bytes: Uint8Array, at: number): number {
  const bits = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  return (
    sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15))
  );
}

interface Range {
  /** Of the code 0. */
  readonly base: number;
  readonly step: number;
}

/** Of value `i` of a block. */
const rangeOf: { readonly [Type in GgufTypeName]?: (block: Uint8Array, i: number) => Range } = {
  Q4_0: (block) => ({ base: -8 * half(block, 0), step: half(block, 0) }),
  Q5_0: (block) => ({ base: -16 * half(block, 0), step: half(block, 0) }),
  Q4_1: (block) => ({ base: half(block, 2), step: half(block, 0) }),
  Q5_1: (block) => ({ base: half(block, 2), step: half(block, 0) }),
  Q8_0: (block) => ({ base: -127 * half(block, 0), step: half(block, 0) }),
  Q2_K(block, i) {
    const pair = block[i >> 4] ?? 0;
    return { base: -half(block, 82) * (pair >> 4), step: half(block, 80) * (pair & 15) };
  },
  Q4_K: (block, i) => pairOf(block, i),
  Q5_K: (block, i) => pairOf(block, i),
  Q6_K(block, i) {
    const step = half(block, 208) * (((block[192 + (i >> 4)] ?? 0) << 24) >> 24);
    return { base: -32 * step, step };
  },
};

function pairOf(block: Uint8Array, i: number): Range {
  const at = (place: number) => block[4 + place] ?? 0;
  const group = i >> 5;
  const [scale, min] =
    group < 4
      ? [at(group) & 63, at(group + 4) & 63]
      : [
          (at(group + 4) & 15) | ((at(group - 4) >> 6) << 4),
          (at(group + 4) >> 4) | ((at(group) >> 6) << 4),
        ];
  return { base: -half(block, 2) * min, step: half(block, 0) * scale };
}

const largestCode: { readonly [Type in GgufTypeName]?: number } = {
  ...{ Q4_0: 15, Q4_1: 15, Q5_0: 31, Q5_1: 31, Q8_0: 254 },
  ...{ Q2_K: 3, Q4_K: 15, Q5_K: 31, Q6_K: 63 },
};

for (const type of ggufBlocks) {
  test(`${type}: products read what its blocks decode to, and gradients pass where codes reach`, (t) => {
    scope(() => {
      const grid = ggufGrid(type);
      const w = weights(24, 512);
      const bytes = toBytes(grid.blocks?.coded(w) ?? none());
      const { code, blockSize, blockBytes } = ggufTensorType(type);
      const decoded = ops.ggufDequantize(ops.ggufQuantize(w, code), code, w.numel, {
        dtype: 'float32',
      });
      t.deepEqual(toArray(grid.fake(w, none, whole)), toArray(decoded));

      const G = normal(w.shape, 1, streamOf(4n, 'gradient'), 'float32');
      const found = grid.gradients(w, none, G).weight ?? none();
      // Straight through: a tape over w' = w inside + a constant.
      const inside = ops.to(ops.ne(found, ops.zerosLike(found)), 'float32');
      const byTape = withTape(() => {
        const x = leaf(w);
        const passed = ops.mul(x, inside);
        const rounded = ops.add(passed, ops.detach(ops.sub(grid.fake(w, none, whole), passed)));
        return grad([ops.sum(ops.mul(rounded, G))], [x], [null]);
      })[0];
      t.deepEqual(toArray(found), toArray(byTape ?? none()));

      const [range, top] = [rangeOf[type], largestCode[type]];
      if (range === undefined || top === undefined) {
        t.is(type, 'Q3_K');
        return;
      }
      const [values, gradients, passed, read] = [w, G, found, decoded].map((each) => toArray(each));
      let cut = 0;
      for (const [i, x] of (values ?? []).entries()) {
        const first = Math.floor(i / blockSize) * blockBytes;
        const { base, step } = range(bytes.subarray(first, first + blockBytes), i % blockSize);
        const place = (x - base) / step;
        const code = step === 0 ? 0 : ((read?.[i] ?? Number.NaN) - base) / step;
        t.true(Math.abs(code - Math.round(code)) < 1e-3 && code > -0.5 && code < top + 0.5);
        // At an end roundings of float32 decide.
        if (Math.abs(Math.abs(place - top / 2) - (top + 1) / 2) < 1e-3) continue;
        const reaches = step === 0 || (place > -0.5 && place < top + 0.5);
        if (!reaches) cut += 1;
        const expected = reaches ? (gradients?.[i] ?? Number.NaN) : 0;
        // A zero may have a sign.
        t.is((passed?.[i] ?? Number.NaN) + 0, expected, `${i} at ${place}`);
      }
      // From the least to the largest value nothing is beyond.
      const reachesAll = ['Q8_0', 'Q4_1', 'Q5_1'].includes(type);
      t.is(cut > 0, !reachesAll, `${cut} are cut off`);
    });
  });
}

test('rows that are no whole blocks have the type that a file gives them', (t) => {
  scope(() => {
    const grid = ggufGrid('Q4_K');
    const [narrow, odd] = [weights(2, 96), weights(2, 40)];
    t.deepEqual(
      toArray(grid.fake(narrow, none, whole)),
      toArray(ggufGrid('Q5_0').fake(narrow, none, whole)),
    );
    t.deepEqual(
      toArray(grid.fake(odd, none, whole)),
      toArray(ops.to(ops.to(odd, 'float16'), 'float32')),
    );
    const G = ops.zerosLike(odd);
    t.deepEqual(toArray(grid.gradients(odd, none, G).weight ?? none()), toArray(G));
  });
});

test('weights that are no numbers stay what they are, so that the loss says so', (t) => {
  scope(() => {
    const w = tensor([Number.NaN, ...new Array(31).fill(1)], [1, 32], 'float32');
    const read = toArray(ggufGrid('Q4_0').fake(w, none, whole));
    t.true(Number.isNaN(read[0]));
    t.true(read.slice(1).every((x) => Math.abs(x - 1) < 0.01));
  });
});
