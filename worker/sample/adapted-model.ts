// A base with an adapter beside it, as a model of its own: the tensors of the base are those of the
// base.
import { Bug } from '../../crds/failures/errors.ts';
import { linearLayers } from '../engine/adapted-layers.ts';
import type { Model } from '../engine/model.ts';
import type { Adapter } from '../methods/adapters/adapter.ts';
import type { ServedAdapter } from '../serve/served-adapter.ts';

/** It must not outlive either. */
export function adaptedModel(base: Model, adapter: ServedAdapter): Model {
  const adapted = linearLayers(base.config).filter(
    ({ path }) => adapter.factors(`${path}.weight`) !== undefined,
  );
  return {
    ...base,
    adapter: beside(adapter),
    adapted: new Map(adapted.map((layer) => [layer.path, layer])),
  };
}

function beside(adapter: ServedAdapter): Adapter {
  return {
    name: 'LoRA',
    targets: ({ path }) => adapter.factors(`${path}.weight`) !== undefined,
    initialize: notTrained,
    factors({ path }) {
      const factors = adapter.factors(`${path}.weight`) ?? notTrained();
      return { form: 'product', ...factors, scale: 1, drops: false, dropped: () => null };
    },
    learningRateFactor: notTrained,
    decays: notTrained,
  };
}

function notTrained(): never {
  throw new Bug('an adapter that is composed is not trained');
}
