/**
 * What the adapters of a server add in one step to all linear layers of SmolLM2-135M, whose factors
 * are more than caches hold: by loops for few rows, beside two products of `gemm` an adapter, which
 * serve where B is dense by rows.
 */
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import type { KernelCase } from './cases.ts';

const stream = streamOf(5, 'bench served');
const blocks = 30;
const rows = 16;
const rank = 16;
/** Inputs and outputs of the linear layers of a block. */
const shapes = [
  ...([
    [576, 576],
    [576, 192],
    [576, 192],
    [576, 576],
  ] as const),
  ...([
    [576, 1536],
    [576, 1536],
    [1536, 576],
  ] as const),
];

export function servedCases(): readonly KernelCase[] {
  return [rows, 4].map((adapters) => {
    const own = rows / adapters;
    const ranges = Array.from({ length: adapters }, (_, n) => [n * own, own]).flat();
    const many = (...shape: readonly number[]) =>
      Array.from({ length: adapters }, () => normal(shape, 0.1, stream));
    const layers = Array.from({ length: blocks }, () => shapes)
      .flat()
      .map(([inputs, outputs]) => {
        const turned = many(rank, outputs).map((b) => ops.t(b));
        return {
          ...{ a: many(rank, inputs), turned, dense: turned.map((b) => ops.contiguous(b)) },
          x: normal([rows, inputs], 1, stream),
          y: normal([rows, outputs], 1, stream),
        };
      });
    const step = (factors: 'turned' | 'dense') => () =>
      scope(() => {
        for (const layer of layers) {
          ops.addLowRank_(layer.y, layer.x, layer.a, layer[factors], ranges);
        }
      });
    const values = layers.reduce(
      (sum, { x, y }) => sum + rank * ((x.shape[1] ?? 0) + (y.shape[1] ?? 0)),
      0,
    );
    return {
      name: `served adapters, ${adapters} of rank ${rank}, ${rows} rows, ${layers.length} layers`,
      reference: 'two products of gemm an adapter',
      ...{ ours: step('turned'), theirs: step('dense') },
      bytes: 4 * adapters * values,
    };
  });
}
