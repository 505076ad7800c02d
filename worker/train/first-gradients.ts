// The gradients of the first batch of a job, as full fine-tuning would compute them, for an adapter
// that begins with them. A model without the adapter passes forward and backward once; each matrix
// is decomposed by the rank that gets its gradient, as soon as its block is done.
import type { TapeMode } from '../../crds/plan/memory-question.ts';
import type { Batch } from '../data/batch.ts';
import { activationOffload } from '../engine/activation-offload.ts';
import { type BuildOptions, buildModel, type ModelSource } from '../engine/build-model.ts';
import { requireFinite } from '../engine/finite.ts';
import { toSequence } from '../engine/packed-sequence.ts';
import type { Gradient, StepUpdateSink, Updates } from '../engine/update.ts';
import type { ModelConfig, TensorSpec } from '../families/family.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { ProcessGroup } from '../sharding/process-group.ts';
import { type ShardedModel, sharedModel, wholeModel } from '../sharding/sharded-model.ts';
import type { Device } from '../tensor/device.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { streamOf } from '../tensor/streams.ts';
import { item, onDevice, type Tensor } from '../tensor/tensor.ts';
import { step } from './step.ts';

export interface DenseModel {
  readonly source: ModelSource;
  readonly options: BuildOptions;
  readonly device: Device;
  readonly group: ProcessGroup | null;
  /** Of the trainer: blocks that offload their inputs then do so here too. */
  readonly modes: readonly TapeMode[];
  /** Where inputs are offloaded to. */
  readonly folder: string;
}

export interface FirstBatch extends DenseModel {
  /** The first one of the job. */
  readonly batch: () => Batch;
}

type Take = (layer: LinearLayer, gradient: Tensor) => void;

/**
 * Calls `take` with the gradient of each layer that this rank gets, on the host in float32 at
 * least. Collective.
 */
export function firstGradients(
  { batch, ...of }: FirstBatch,
  layers: readonly LinearLayer[],
  take: Take,
): void {
  using dense = new DenseGradients(of, layers);
  dense.of(batch(), take);
}

/** The model without the adapter, for any number of passes. */
export class DenseGradients implements Disposable {
  readonly #of: DenseModel;
  readonly #held: ShardedModel;
  readonly #offered: Updates;
  #take: Take = () => undefined;

  constructor(of: DenseModel, layers: readonly LinearLayer[]) {
    const byName = new Map(layers.map((layer) => [weightOf(layer), layer]));
    const { source, options, device, group } = of;
    const { dtype, sequenceLength } = options;
    const whole = { dtype, device, sequenceLength, adapter: null };
    const trains = ({ name }: TensorSpec) => byName.has(name);
    this.#of = of;
    this.#held =
      group === null
        ? wholeModel(buildModel(source, { ...whole, trains }))
        : sharedModel(sharing(group, source.config, dtype), (shardLayer) =>
            buildModel(source, { ...whole, trains, shardLayer }),
          );
    const sink = sinkOf(byName, (layer, gradient) => this.#take(layer, gradient));
    this.#offered = this.#held.offered({ begin: () => sink });
  }

  /** Has passes read what `changed` makes of a weight, whose gradient is then that of the copy. */
  change(layer: LinearLayer, changed: (weight: Tensor) => Tensor): void {
    const { parameters } = this.#held.model;
    const name = weightOf(layer);
    parameters.change(name, () => changed(parameters.value(name)));
  }

  /** As `firstGradients`, for any batch; this rank's part of the mean loss. */
  of(batch: Batch, take: Take): number {
    const { model } = this.#held;
    const { device, folder, modes } = this.#of;
    using offload = activationOffload(device, folder);
    this.#take = take;
    return scope(() => {
      const { sums } = step({
        model,
        sequences: batch.sequences.map((host) => toSequence(model, host)),
        targetTokens: batch.targetTokens,
        active: (layer) => model.parameters.trainedAt(layer),
        modes: modes.map((mode) => (mode === 'offload' ? mode : 'recompute')),
        offload,
        update: this.#offered.begin({
          ...{ learningRate: 0, count: () => 1, stream: (name) => streamOf(0, name) },
        }),
        draw: ({ key }) => ({ seed: 0n, step: 0, key }),
      });
      return (sums['loss'] ?? Number.NaN) / batch.targetTokens;
    }, device);
  }

  [Symbol.dispose](): void {
    this.#held[Symbol.dispose]();
  }
}

function weightOf({ path }: LinearLayer): string {
  return `${path}.weight`;
}

/** Each matrix complete at one rank. */
function sharing(group: ProcessGroup, config: ModelConfig, dtype: BuildOptions['dtype']) {
  return { group, config, dtype, layout: 'owner', now: () => 0 } as const;
}

function sinkOf(byName: ReadonlyMap<string, LinearLayer>, take: Take): StepUpdateSink {
  const one = ({ parameter: { name }, value }: Gradient): void => {
    const layer = byName.get(name);
    if (layer !== undefined) {
      scope(() => {
        const here = onDevice(value, 'cpu');
        const gradient = here.dtype === 'bfloat16' ? ops.to(here, 'float32') : here;
        requireFinite(`the gradient of ${name}`, gradient);
        take(layer, gradient);
      }, 'cpu');
    }
    value.dispose();
  };
  return {
    offer: (gradients) => gradients.forEach(one),
    finish: (sums = []) => ({
      ...{ gradientNorm: 0, clipFactor: 1, applied: true },
      sums: sums.map((sum) => item(sum)),
    }),
  };
}
