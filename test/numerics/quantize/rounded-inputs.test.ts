// Inputs of linear layers, each token on its own grid, against the definition in plain numbers; on
// a device too (ava.device.config.js).
import test from 'ava';
import {
  type InputGrid,
  roundedTokens,
  withRoundedInputs,
} from '../../../worker/quantize/rounded-inputs.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';

const half = { Int8: 127.5, Int4: 7.5, Float8: 448 } as const satisfies Record<InputGrid, number>;
const grids = Object.keys(half) as InputGrid[];
const f = Math.fround;

/** Ties to even. */
function whole(value: number): number {
  const down = Math.floor(value);
  if (value - down !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}

function onGrid(value: number, grid: InputGrid): number {
  const most = half[grid];
  if (grid !== 'Float8') return whole(Math.min(Math.max(value, -most - 0.5), most - 0.5));
  const size = Math.max(Math.abs(value), 2 ** -6);
  const step = 2 ** (Math.floor(Math.log2(size)) - 3);
  return Math.min(Math.max(whole(value / step) * step, -most), most);
}

function inputs(tokens: number, width: number): Tensor {
  const x = normal([tokens, width], 1, streamOf(7, 'rounded-inputs.test'), 'float32');
  // Channels that outshine the others, a token of zeros, one of one value.
  ops.mulScalar_(ops.narrow(x, 1, 3, 2), 40);
  ops.mulScalar_(ops.narrow(x, 0, 1, 1), 0);
  ops.mulScalar_(ops.narrow(ops.narrow(x, 0, 2, 1), 1, 1, width - 1), 0);
  return x;
}

test('each value is the nearest of its token', (t) => {
  const [tokens, width] = [9, 33];
  for (const grid of grids) {
    scope(() => {
      const x = inputs(tokens, width);
      const values = toArray(x);
      const found = toArray(roundedTokens(x, grid));
      for (let row = 0; row < tokens; row += 1) {
        const own = values.slice(row * width, (row + 1) * width);
        const largest = Math.max(...own.map(Math.abs));
        const step = largest === 0 ? 2 ** -23 : f(largest / half[grid]);
        const expected = own.map((value) => f(onGrid(f(value / step), grid) * step) + 0);
        t.deepEqual(
          found.slice(row * width, (row + 1) * width).map((v) => v + 0),
          expected,
          grid,
        );
      }
    });
  }
});

test('e4m3 is nearest too where it ends, and ties are even', (t) => {
  scope(() => {
    // The largest value makes the step 1.
    const own = [448, 447, 432, 433, 17, 19, 0.013671875, 2 ** -10, 3 * 2 ** -10, -240.5];
    const ends = [448, 448, 448, 448, 16, 20, 0.013671875, 0, 2 ** -8, -240];
    t.deepEqual(toArray(roundedTokens(tensor(own, [1, own.length], 'float32'), 'Float8')), ends);
  });
});

test('layers read the rounded input, and keep their biases', (t) => {
  scope(() => {
    const x = inputs(6, 16);
    const weight = normal([5, 16], 1, streamOf(8, 'rounded-inputs.test'), 'float32');
    const bias = normal([5], 1, streamOf(9, 'rounded-inputs.test'), 'float32');
    const layers = [
      { name: 'a', weight, bias: null },
      { name: 'b', weight, bias },
    ];
    const [a, b] = withRoundedInputs({ grid: 'Int8' }).linears(x, layers, null);
    const rounded = roundedTokens(x, 'Int8');
    t.deepEqual(toArray(a!), toArray(ops.linear(rounded, weight, null)));
    t.deepEqual(toArray(b!), toArray(ops.linear(rounded, weight, bias)));
  });
});
