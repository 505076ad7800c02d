// What an adapter begins with, in memory: a run stores it in its folder.
import { tmpdir } from 'node:os';
import type { TapeMode } from '../../crds/plan/memory-question.ts';
import type { Batch } from '../../worker/data/batch.ts';
import { adaptedLayers, type ModelSource } from '../../worker/engine/build-model.ts';
import type { Adapter, LinearLayer, Origin } from '../../worker/methods/adapters/adapter.ts';
import { keep, scope } from '../../worker/tensor/scope.ts';
import type { Tensor } from '../../worker/tensor/tensor.ts';
import { firstGradients } from '../../worker/train/first-gradients.ts';
import { decompose } from '../../worker/train/initial-factors.ts';
import { aSequence } from './training.ts';

interface FactorsInMemory extends Disposable {
  readonly initial: (name: string) => Tensor;
}

function none(): never {
  throw new Error('it was not to be read');
}

export const fromWeight = (W: Tensor): Origin => ({
  ...{ weight: () => W, gradient: none, learningRate: 0 },
});
export const fromGradient = (G: Tensor, learningRate = 1e-4): Origin => ({
  ...{ weight: none, gradient: () => G, learningRate },
});

/** For an adapter that begins with gradients: of twelve tokens. */
export function factorsInMemory(
  source: ModelSource,
  adapter: Adapter | null,
  dtype: 'float32' | 'float64' = 'float32',
): FactorsInMemory {
  const found = new Map<string, Tensor>();
  const take = ({ path }: LinearLayer, parts: Readonly<Record<string, Tensor>>): void => {
    for (const [suffix, tensor] of Object.entries(parts)) {
      found.set(`${path}.${suffix}`, keep(tensor));
    }
  };
  if (adapter?.decompose !== undefined) {
    const layers = adaptedLayers(source.config, adapter);
    if (adapter.readsGradient) {
      toyGradients(source, layers, dtype, (layer, gradient) => {
        take(layer, adapter.decompose?.(layer, fromGradient(gradient)) ?? {});
      });
    } else {
      for (const layer of layers)
        scope(() => take(layer, decompose(source, adapter, layer, dtype)));
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

/** Gradients of the mean loss of one document of twelve tokens. */
export function toyGradients(
  source: ModelSource,
  layers: readonly LinearLayer[],
  dtype: 'float32' | 'float64',
  take: (layer: LinearLayer, gradient: Tensor) => void,
): void {
  const ids = Array.from({ length: 12 }, (_, i) => (7 * i) % 40);
  const sequence = aSequence([ids]);
  const batch: Batch = { sequences: [sequence], targetTokens: 11, tokens: 12, epoch: 0 };
  firstGradients(
    {
      ...{ source, device: 'cpu', group: null, folder: tmpdir(), batch: () => batch },
      options: { dtype, adapter: null, sequenceLength: 64 },
      modes: new Array<TapeMode>(source.config.L).fill('keep'),
    },
    layers,
    take,
  );
}
