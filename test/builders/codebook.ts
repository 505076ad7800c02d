// Matrices as codes into codebooks, drawn.

import type { CodebookMatrix } from '../../worker/methods/weights/codebook.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { normal, uniform } from '../../worker/tensor/rng.ts';
import { streamOf } from '../../worker/tensor/streams.ts';

export interface CodebookShape {
  readonly outputs: number;
  readonly groups: number;
  readonly codebooks: number;
  readonly entries: number;
  readonly groupSize: number;
}

export function aCodebookMatrix(
  { outputs, groups, codebooks, entries, groupSize }: CodebookShape,
  dtype: 'float32' | 'float64' = 'float32',
): CodebookMatrix {
  const stream = (name: string) => streamOf(8, 'codebook builder', name);
  const drawn = uniform([outputs, groups, codebooks], 0, entries, stream('codes'), 'float64');
  return {
    codes: ops.to(ops.floor(drawn), 'uint8'),
    codebooks: normal([codebooks, entries, groupSize], 1, stream('codebooks'), dtype),
    scales: ops.addScalar(uniform([outputs], 0, 1, stream('scales'), dtype), 0.5),
  };
}

export function copyOf({ codes, codebooks, scales }: CodebookMatrix): CodebookMatrix {
  return {
    codes: ops.clone(codes),
    codebooks: ops.clone(codebooks),
    scales: ops.clone(scales),
  };
}
