// What libtorch's own kernels give at the calls that training makes: products of integers and of
// FP8, attention of bfloat16 with a window.
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { onDevice, type Tensor, tensor } from '../../../../worker/tensor/tensor.ts';
import { distance, draw, largest, wide } from '../../../numerics/kernels/compare.ts';
import type { Found } from '../result.ts';
import type { Context } from '../step.ts';

const device = 'cuda:0';
/** Rows, inner size, columns: multiples of 16, as the libraries ask for. */
const [M, K, N] = [64, 128, 96];

interface Check {
  readonly name: string;
  /** The most that the largest gap may be, relative to the largest value. */
  readonly most: number;
  readonly emulatedWithout?: string;
  /** Result on the device, and what it should be. */
  compare(): readonly [Tensor, Tensor];
}

const checks: readonly Check[] = [
  {
    ...{ name: '_int_mm', most: 0 },
    compare() {
      const [x, w] = [codes(M, K, 7), codes(K, N, 11)];
      const expected = ops.mm(wide(x), wide(w));
      return [ops.intMm(onDevice(x, device), onDevice(w, device)), expected];
    },
  },
  {
    ...{ name: '_scaled_mm of e4m3', most: 2 ** -7 },
    emulatedWithout: 'it is a kernel of cuBLAS',
    compare() {
      const x = ops.to(draw('x', [M, K], 'float32'), 'float8_e4m3fn');
      const w = ops.to(draw('w', [N, K], 'float32'), 'float8_e4m3fn');
      const expected = ops.mm(wide(ops.to(x, 'float32')), ops.t(wide(ops.to(w, 'float32'))));
      const scale = () => onDevice(ops.ones([]), device);
      const [there, other] = [onDevice(x, device), ops.t(onDevice(w, device))];
      const found = ops.scaledMm(there, other, scale(), scale(), null, null, 'bfloat16');
      return [found, expected];
    },
  },
  {
    ...{ name: 'attention of bfloat16 with a window', most: 2 ** -6 },
    compare() {
      const [q, k, v] = (['q', 'k', 'v'] as const).map((name) =>
        draw(name, [200, 4, 64], 'bfloat16'),
      ) as [Tensor, Tensor, Tensor];
      const offsets = tensor(Int32Array.of(0, 90, 200), [3]);
      const attended = (to: (x: Tensor) => Tensor) =>
        ops.attention(to(q), to(k), to(v), to(offsets), 0.125, 33, undefined, { causal: true });
      const float32 = (x: Tensor) => (x.dtype === 'bfloat16' ? ops.to(x, 'float32') : x);
      return [attended((x) => onDevice(x, device)), attended(float32)];
    },
  },
];

export function libraries({ isEmulated }: Context): Promise<Found> {
  const found: Found = { figures: [], failures: [], leftOut: [] };
  for (const { name, most, emulatedWithout, compare } of checks) {
    if (isEmulated && emulatedWithout !== undefined) {
      found.leftOut.push(`${name}: ${emulatedWithout}`);
      continue;
    }
    const gap = scope(() => {
      const [got, expected] = compare();
      return distance(onDevice(got, 'cpu'), expected) / largest(expected);
    });
    found.figures.push({ name: `${name}: largest gap`, value: gap, unit: 'of the largest value' });
    if (!(gap <= most)) found.failures.push(`${name}: its gap is ${gap}, and ${most} is allowed`);
  }
  return Promise.resolve(found);
}

/** Whole numbers of 8 bits, by a fixed rule. */
function codes(rows: number, columns: number, step: number): Tensor {
  const values = Array.from({ length: rows * columns }, (_, i) => ((i * step + 3) % 255) - 127);
  return ops.to(tensor(values, [rows, columns]), 'int8');
}
