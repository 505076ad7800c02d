// Comparing a kernel with its reference: the kernel runs in the dtype under test, the reference in
// float64 on the same (exactly widened) values, both through the tape.
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import { dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { item, type Tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import { setThreads, threads } from '../../../worker/tensor/threads.ts';
import { hasDevice, onEachSchedule } from '../../builders/emulated-device.ts';

export const dtypesUnderTest = ['float64', 'float32', 'bfloat16'] as const;

export function draw(name: string, shape: readonly number[], dtype: DType, std = 1): Tensor {
  return normal(shape, std, streamOf(11, 'kernels', name), dtype);
}

export function wide(x: Tensor): Tensor {
  return ops.to(x, 'float64');
}

export interface Run {
  readonly outputs: readonly Tensor[];
  readonly gradients: readonly Tensor[];
}

/** Outputs of `f` on leaves, and the gradients of the leaves weighted by the seeds. */
export function run(
  f: (...leaves: Tensor[]) => Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  seeds: readonly Tensor[],
): Run {
  return withTape(() => {
    const leaves = inputs.map(leaf);
    const result = f(...leaves);
    const outputs = Array.isArray(result) ? result : [result];
    const gradients = grad(outputs, leaves, seeds);
    return { outputs, gradients: gradients.map((g, i) => g ?? ops.zerosLike(inputs[i] as Tensor)) };
  });
}

/** What one operation may be off by: the unit of the type that arithmetic is done in. */
export function arithmeticEpsilon(dtype: DType): number {
  return dtypeEpsilon(dtype === 'float64' ? 'float64' : 'float32');
}

/** Half a unit of the stored type, where it is coarser than the arithmetic. */
export function storedError(dtype: DType): number {
  return dtype === 'bfloat16' ? dtypeEpsilon(dtype) / 2 : 0;
}

export function largest(x: Tensor): number {
  return x.numel === 0 ? 0 : item(ops.amax(ops.abs(wide(x))));
}

/** The largest |a - b|. */
export function distance(a: Tensor, b: Tensor): number {
  return largest(ops.sub(wide(a), wide(b)));
}

/** The largest |a - b| / (|b| + floor). */
export function relativeDistance(a: Tensor, b: Tensor, floor: number): number {
  if (a.numel === 0) return 0;
  const scale = ops.addScalar(ops.abs(wide(b)), floor);
  return item(ops.amax(ops.div(ops.abs(ops.sub(wide(a), wide(b))), scale)));
}

/** The largest Euclidean length of a row of the last dimension. */
export function longestRow(x: Tensor): number {
  return Math.sqrt(largest(ops.sumDim(ops.square(wide(x)), [-1])));
}

/** The bytes of everything in a run, once for each number of threads. */
export function bytesByThreads(counts: readonly number[], body: () => Run): Uint8Array[][] {
  const before = threads();
  try {
    return counts.map((count) => {
      setThreads(count);
      const { outputs, gradients } = body();
      return [...outputs, ...gradients].map(toBytes);
    });
  } finally {
    setThreads(before);
  }
}

/**
 * Runs `body` for every instruction set that this processor has, or in every order of threads where
 * the emulated device is loaded.
 */
export function onEachIsa(body: (isa: string) => void): void {
  if (hasDevice()) {
    onEachSchedule(body);
    return;
  }
  try {
    for (const isa of ['portable', 'avx2', 'avx512', 'amx']) {
      if (ops.chooseIsa(isa) === isa) body(isa);
    }
  } finally {
    ops.chooseIsa();
  }
}

/** Whether every tensor of a run is as near to the exact one as `tolerance` says for it. */
export function isNear(got: Run, exact: Run, tolerance: (of: Tensor) => number): boolean {
  const near = (a: Tensor, i: number, expected: readonly Tensor[]): boolean =>
    distance(a, expected[i] as Tensor) <= tolerance(a);
  return (
    got.outputs.every((y, i) => near(y, i, exact.outputs)) &&
    got.gradients.every((g, i) => near(g, i, exact.gradients))
  );
}
