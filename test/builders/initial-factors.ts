// What an adapter begins with, in memory: a run stores it in its folder.
import { adaptedLayers, type ModelSource } from '../../worker/engine/build-model.ts';
import type { Adapter } from '../../worker/methods/adapters/adapter.ts';
import { keep } from '../../worker/tensor/scope.ts';
import type { Tensor } from '../../worker/tensor/tensor.ts';
import { decompose } from '../../worker/train/initial-factors.ts';

interface FactorsInMemory extends Disposable {
  readonly initial: (name: string) => Tensor;
}

export function factorsInMemory(
  source: ModelSource,
  adapter: Adapter | null,
  dtype: 'float32' | 'float64' = 'float32',
): FactorsInMemory {
  const found = new Map<string, Tensor>();
  if (adapter?.decompose !== undefined) {
    for (const layer of adaptedLayers(source.config, adapter)) {
      for (const [suffix, tensor] of Object.entries(decompose(source, adapter, layer, dtype))) {
        found.set(`${layer.path}.${suffix}`, keep(tensor));
      }
    }
  }
  return {
    initial(name) {
      const tensor = found.get(name);
      if (tensor === undefined) throw new Error(`nothing was decomposed into ${name}`);
      return tensor;
    },
    [Symbol.dispose]() {
      for (const tensor of found.values()) tensor.dispose();
    },
  };
}
