// Rounding to bfloat16 stochastically: bit by bit against the rule with the generator in
// JavaScript.
import test from 'ava';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { philox4x32 } from '../../../worker/tensor/philox.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import { draw, onEachIsa } from './compare.ts';

const [seed, offset] = [0x1234_5678_9abc_def0n, 7];
const words = [Number(seed & 0xffff_ffffn), Number(seed >> 32n)] as const;

/**
 * The 16 bits that element `i` is compared with: counter (i / 8, 0, 3, offset), low half of each
 * word first.
 */
function chance(i: number): number {
  const word = philox4x32([Math.floor(i / 8), 0, 3, offset], words)[(i % 8) >> 1] ?? Number.NaN;
  return i % 2 === 1 ? word >>> 16 : word & 0xffff;
}

/** Bits of bfloat16: chance is added below the mantissa, and the rest is cut off. */
function defined(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (each, i) => {
    if (Number.isNaN(values[i])) return 0x7fc0;
    return ((Number.isFinite(values[i]) ? each + chance(i) : each) >>> 16) & 0xffff;
  });
}

test.serial(
  'values are rounded up or down by the words of Philox, bit by bit, and nothing behind them',
  (t) => {
    for (const count of [1, 7, 8, 9, 300, 4099]) {
      scope(() => {
        const drawn = new Float32Array(toBytes(draw('x', [count], 'float32')).slice().buffer);
        drawn.set([Number.NaN, Number.NEGATIVE_INFINITY, 3.4e38, -0].slice(0, count), 0);
        const expected = defined(drawn);
        onEachIsa((isa) => {
          const out = ops.zeros([count], { dtype: 'bfloat16' });
          ops.stochasticRound_(out, tensor(drawn, [count]), seed, offset);
          const found = new Uint16Array(toBytes(out).slice().buffer);
          t.deepEqual(found, expected, `${count} on ${isa}`);
        });
      });
    }
  },
);
