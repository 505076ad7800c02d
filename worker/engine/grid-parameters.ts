// What a grid has beside the matrices that are rounded to it.

import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';
import type { BuildOptions, ModelSource } from './build-model.ts';
import type { Parameter, Role } from './parameters.ts';

/** Of one matrix, by its values in the files, of which an adapter takes no part. */
export function gridParameters(
  source: ModelSource,
  { path, layer }: LinearLayer,
  { grid, dtype }: BuildOptions,
): readonly Parameter[] {
  if (!grid) return [];
  const { trained, kept } = scope(() => {
    const stored = source.load(`${path}.weight`, dtype);
    const made = grid.initialize(ops.to(stored, exactType(dtype)));
    releasePages(stored);
    return made;
  });
  const of = (values: Readonly<Record<string, Tensor>>, role: Role) =>
    Object.entries(values).map(([suffix, value]) => ({
      ...{ name: `${path}.${suffix}`, layer, value: keep(value), shape: value.shape, role },
      // Decay would pull scales to one.
      ...{ learningRateFactor: grid.learningRateFactor, decayed: false },
    }));
  return [...of(trained, 'trained'), ...of(kept, 'kept')];
}
