// What an adapter begins with, in memory: a run stores it in its folder.
import { tmpdir } from 'node:os';
import type { TapeMode } from '../../crds/plan/memory-question.ts';
import type { Batch } from '../../worker/data/batch.ts';
import { adaptedLayers } from '../../worker/engine/adapted-layers.ts';
import type { ModelSource } from '../../worker/engine/build-model.ts';
import { alone } from '../../worker/engine/world.ts';
import {
  type Adapter,
  type LinearLayer,
  type Origin,
  plannedRank,
} from '../../worker/methods/adapters/adapter.ts';
import { keep, scope } from '../../worker/tensor/scope.ts';
import { type Tensor, tensor } from '../../worker/tensor/tensor.ts';
import { rankDecision } from '../../worker/train/decided-ranks.ts';
import { type DenseModel, firstGradients } from '../../worker/train/first-gradients.ts';
import { decompose } from '../../worker/train/initial-factors.ts';
import { plannedComponents } from '../../worker/train/planned-components.ts';
import { aSequence } from './training.ts';

interface FactorsInMemory extends Disposable {
  readonly initial: (name: string) => Tensor;
}

function none(): never {
  throw new Error('it was not to be read');
}

const nothing = {
  ...{ weight: none, gradient: none, components: none, importance: () => null },
  quantized: null,
  learningRate: 0,
};
export const fromWeight = (W: Tensor): Origin => ({ ...nothing, weight: () => W });
export const fromGradient = (G: Tensor, learningRate = 1e-4): Origin => ({
  ...{ ...nothing, gradient: () => G, learningRate },
});

/** For an adapter that begins with gradients or activations: of twelve tokens. */
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
  const layers = adapter === null ? [] : adaptedLayers(source.config, adapter);
  const probed = { ...toyModel(source, dtype), layers, world: alone, batchAt: toyBatch };
  using decision = adapter === null ? null : rankDecision(adapter, probed);
  if (decision !== null) {
    for (let index = 0; index < decision.passes; index += 1) decision.pass(index);
    const ranks = decision.ranks();
    for (const [i, layer] of layers.entries()) {
      scope(() => take(layer, { [plannedRank]: tensor([ranks[i] ?? 0], [1], 'int32') }));
    }
  }
  if (adapter?.decompose !== undefined) {
    if (adapter.calibration !== undefined) {
      using components = plannedComponents({
        ...{ source, layers, calibration: adapter.calibration, sequences: [toySequence()] },
        ...{ device: 'cpu', group: null, layout: 'slice', world: alone },
        options: { dtype, adapter: null, sequenceLength: 64 },
      });
      for (const [layer, { rank, ...first }] of components.byLayer) {
        scope(() => {
          const own = adapter.decompose?.(layer, { ...nothing, components: () => first });
          take(layer, { ...(rank === 0 ? {} : own), [plannedRank]: tensor([rank], [1], 'int32') });
        });
      }
    } else if (adapter.readsGradient) {
      toyGradients(source, layers, dtype, (layer, gradient) => {
        take(layer, adapter.decompose?.(layer, fromGradient(gradient)) ?? {});
      });
    } else {
      for (const layer of layers)
        scope(() => take(layer, decompose(source, adapter, layer, { dtype })));
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

function toySequence() {
  return aSequence([Array.from({ length: 12 }, (_, i) => (7 * i) % 40)]);
}

/** Gradients of the mean loss of one document of twelve tokens. */
export function toyGradients(
  source: ModelSource,
  layers: readonly LinearLayer[],
  dtype: 'float32' | 'float64',
  take: (layer: LinearLayer, gradient: Tensor) => void,
): void {
  firstGradients({ ...toyModel(source, dtype), batch: toyBatch }, layers, take);
}

export function toyBatch(): Batch {
  return { sequences: [toySequence()], targetTokens: 11, tokens: 12, epoch: 0 };
}

export function toyModel(source: ModelSource, dtype: 'float32' | 'float64'): DenseModel {
  return {
    ...{ source, device: 'cpu', group: null, folder: tmpdir() },
    options: { dtype, adapter: null, sequenceLength: 64 },
    modes: new Array<TapeMode>(source.config.L).fill('keep'),
  };
}
