// What a run found of the stored form of a matrix before there was a model: the bytes themselves,
// or which form they have.
import { Bug } from '../../crds/failures/errors.ts';
import type { Initial } from '../methods/adapters/adapter.ts';
import { quantizeAs } from '../methods/weights/mixed.ts';
import { formSuffix, storedSuffix, type WeightStore } from '../methods/weights/weight-store.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { item, releasePages, type Tensor } from '../tensor/tensor.ts';
import { linearLayers } from './adapted-layers.ts';
import type { ModelSource } from './build-model.ts';

interface Stored {
  /** Null where it is made while the model is loaded. */
  readonly made: { readonly value: Tensor; readonly shape: readonly number[] } | null;
  readonly quantize: WeightStore['quantize'];
}

/** Of a matrix of the blocks that stays frozen. */
export function storedBefore(
  { config }: Pick<ModelSource, 'config'>,
  name: string,
  { calibrated, mixed, quantize }: WeightStore,
  initial: Initial,
): Stored {
  if (calibrated === undefined && mixed === undefined) return { made: null, quantize };
  const layer = linearLayers(config).find(({ path }) => name === `${path}.weight`);
  if (layer === undefined) throw new Bug(`${name} is no linear layer, and was not quantized`);
  const { path, out, in: inputs } = layer;
  if (mixed !== undefined) {
    const place = scope(() => item(initial(`${path}.${formSuffix}`)));
    return { made: null, quantize: quantizeAs(inputs, place) };
  }
  const value = scope(() => {
    const mapped = initial(`${path}.${storedSuffix}`);
    const own = ops.clone(mapped);
    releasePages(mapped);
    return own;
  });
  return { made: { value: keep(value), shape: [out, inputs] }, quantize };
}
