// A place of a network that was found: one operation, weights and inputs in its width.
import { type PictureSize, patchesOf } from '../nn/convolution.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { halfWave } from './half-wave.ts';
import { onLearnedGrid } from './learned-step.ts';
import { type Choice, kernelsOf } from './space.ts';

interface Place {
  readonly path: string;
  readonly choice: Choice;
  readonly size: PictureSize;
  weight(name: string): Tensor;
}

/** `x [T, H]` → `[T, H]` */
export function foundPlace(x: Tensor, { path, choice, size, weight }: Place): Tensor {
  const { operation, bits } = choice;
  return kernelsOf(operation).reduce((stream, { kernel, groups }, i) => {
    const [own, logStep] = ['weight', 'log_step'].map((each) => weight(`${path}.${i}.${each}`)) as [
      Tensor,
      Tensor,
    ];
    const rounded = onLearnedGrid(own, logStep, bits);
    const parts = ops.chunk(halfWave(stream, bits), groups, 1);
    const rows = ops.chunk(rounded, groups, 0);
    return ops.cat(
      parts.map((part, group) => {
        const patches = patchesOf(ops.contiguous(part), { ...size, kernel });
        return ops.linear(patches, ops.contiguous(rows[group] ?? rounded));
      }),
      1,
    );
  }, x);
}
