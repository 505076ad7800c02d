// bfloat16 attention of a device goes to libtorch's flash attention where that applies, and comes
// to what our own kernels make of the same values in float32. The emulated device has one that
// computes what libtorch's contract says; that libtorch's keeps it, only a GPU can show.
import test from 'ava';
import { native } from '../../worker/tensor/native.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { type Tensor, tensor, toBytes } from '../../worker/tensor/tensor.ts';
import { distance, draw, largest, run } from '../numerics/kernels/compare.ts';

process.env['ANNEAL_EMULATED_FLASH'] = '1';
await import('./on-device.ts');

const flashCalls = () => native.call(native.op('anneal_emulator::flash_calls', '')) as number;

interface Case {
  readonly title: string;
  readonly offsets: readonly number[];
  readonly tokens: number;
  readonly heads: readonly [query: number, kv: number];
  readonly size: number;
  readonly window?: number;
  readonly cap?: number;
  /** Each query sees the whole of its document. */
  readonly full?: true;
  /** Offsets of the keys' documents and how many keys there are, where queries lie otherwise. */
  readonly keys?: { readonly offsets: readonly number[]; readonly tokens: number };
}

const taken: readonly Case[] = [
  { title: 'one document', offsets: [0, 40], tokens: 40, heads: [2, 2], size: 32 },
  {
    title: 'documents that share kv heads',
    offsets: [0, 9, 9, 30],
    tokens: 30,
    heads: [6, 2],
    size: 64,
  },
  { title: 'tokens outside of all', offsets: [3, 20, 31], tokens: 37, heads: [4, 2], size: 16 },
  { title: 'a window', offsets: [0, 25, 40], tokens: 40, heads: [2, 1], size: 8, window: 7 },
  {
    title: 'whole documents',
    offsets: [2, 25, 40],
    tokens: 41,
    heads: [4, 2],
    size: 32,
    full: true,
  },
  {
    title: 'other keys, or none, or no query',
    ...{ offsets: [1, 9, 9, 20, 31], tokens: 34, heads: [4, 2], size: 16, full: true },
    keys: { offsets: [3, 70, 80, 80, 90], tokens: 99 },
  },
];
const ours: readonly Case[] = [
  { title: 'a cap', offsets: [0, 30], tokens: 30, heads: [2, 1], size: 32, cap: 5 },
  { title: 'heads of 36', offsets: [0, 30], tokens: 30, heads: [2, 1], size: 36 },
  { title: 'no document', offsets: [0], tokens: 4, heads: [2, 1], size: 8 },
  {
    title: 'no key',
    ...{ offsets: [0, 4], tokens: 4, heads: [2, 1], size: 8, full: true },
    keys: { offsets: [0, 0], tokens: 0 },
  },
];

function attention(c: Case, dtype: 'bfloat16' | 'float32') {
  const [query, kv] = c.heads;
  const table = (values: readonly number[]) => tensor(Int32Array.from(values), [values.length]);
  const offsets = table(c.offsets);
  const options = { causal: c.full !== true, cuK: c.keys && table(c.keys.offsets) };
  const of = (name: string, heads: number, tokens = c.tokens) =>
    ops.to(draw(name, [tokens, heads, c.size], 'bfloat16'), dtype);
  const { outputs, gradients } = run(
    (q, k, v) =>
      ops.attention(q as Tensor, k as Tensor, v as Tensor, offsets, 0.3, c.window, c.cap, options),
    [of('q', query), of('k', kv, c.keys?.tokens), of('v', kv, c.keys?.tokens)],
    [of('dy', query)],
  );
  return [...outputs, ...gradients];
}

for (const c of [...taken, ...ours]) {
  const isTaken = taken.includes(c);
  test(`${isTaken ? 'flash attention has' : 'our own kernels keep'} ${c.title}`, (t) => {
    scope(() => {
      attention(taken[0] as Case, 'bfloat16'); // libtorch was asked by now
      const before = flashCalls();
      const got = attention(c, 'bfloat16');
      t.is(flashCalls() - before, isTaken ? 2 : 0);
      // A unit of bfloat16 for what is stored, and eight for the gradients: the output that enters
      // them is rounded, a product of a head's values with their errors.
      const bounds = [2 ** -8, ...got.slice(1).map(() => 2 ** -5)];
      for (const [i, expected] of attention(c, 'float32').entries()) {
        const gap = distance(got[i] as Tensor, expected);
        t.true(gap <= (bounds[i] ?? 0) * largest(expected), `${i}: ${gap}`);
      }
      t.deepEqual(attention(c, 'bfloat16').map(toBytes), got.map(toBytes));
    });
  });
}
