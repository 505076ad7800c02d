// A pass of the dense model over sequences before there is a model to train, in which its matrices
// become what a base stores. The model is built on the host, whatever trains, as all quantizing is;
// every rank makes all of them, so that any number of workers has the same bits.
import { setImmediate } from 'node:timers/promises';
import { type BuildOptions, frozenModel, type ModelSource } from '../engine/build-model.ts';
import { requireFinite } from '../engine/finite.ts';
import type { Model } from '../engine/model.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { RoleContext } from '../role.ts';
import { trimMemory } from '../tensor/memory.ts';
import * as ops from '../tensor/ops.generated.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';

export interface DensePass {
  readonly source: ModelSource;
  readonly options: BuildOptions;
  readonly stopping: () => boolean;
}

/** `making` yields how many blocks are done, as often as the pass can be stopped. */
export async function passDense(
  { emit, stop }: Pick<RoleContext, 'emit' | 'stop'>,
  { source, options, stopping }: DensePass,
  subject: string,
  making: (model: Model) => Iterable<number>,
): Promise<void> {
  const report = { type: 'stage', stage: 'Prepare', subject } as const;
  const total = source.config.L;
  const { dtype, sequenceLength } = options;
  emit({ ...report, state: 'Started' });
  const model = frozenModel(source, { dtype, sequenceLength });
  using _parameters = model.parameters;
  trimMemory();
  let told = -1;
  for (const done of making(model)) {
    if (done !== told) emit({ ...report, state: 'Running', done, total, unit: 'Blocks' });
    told = done;
    // A request to stop is received here.
    await setImmediate();
    if (stopping()) stop.throwIfAborted();
  }
}

/** As its file has it, float32. */
export function weightIn(source: ModelSource, { path }: LinearLayer): Tensor {
  const name = `${path}.weight`;
  const mapped = source.load(name, 'float32');
  requireFinite(name, mapped);
  const own = ops.clone(mapped);
  releasePages(mapped);
  return own;
}
