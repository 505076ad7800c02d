// The integers of a base that are made with inputs of its layers on training data, before there is
// a model to train. The dense model is built on the host, whatever trains, as all quantizing is;
// every rank makes all of them, so that any number of workers has the same bits, and the first
// writes them.

import { setImmediate } from 'node:timers/promises';
import { decompositionSubject } from '../../crds/stages/subjects.ts';
import { linearLayers } from '../engine/adapted-layers.ts';
import { type BuildOptions, frozenModel, type ModelSource } from '../engine/build-model.ts';
import { requireFinite } from '../engine/finite.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { World } from '../engine/world.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { storedIntegers } from '../methods/weights/integer.ts';
import type { IntegerGrid } from '../methods/weights/learned-step.ts';
import { storedSuffix, type WeightStore } from '../methods/weights/weight-store.ts';
import { integersOf } from '../quantize/quantize-matrix.ts';
import { QuantizedLayers } from '../quantize/quantized-layers.ts';
import type { RoleContext } from '../role.ts';
import { trimMemory } from '../tensor/memory.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';

interface Making {
  readonly source: ModelSource;
  readonly options: BuildOptions;
  readonly sequences: (count: number) => readonly HostSequence[];
  readonly world: World;
  readonly stopping: () => boolean;
  readonly calibrated: NonNullable<WeightStore['calibrated']>;
  /** Of the first rank: a matrix in stored form, by its name. */
  readonly take: (name: string, stored: Tensor) => void;
}

export async function makeIntegers(
  { emit, stop }: Pick<RoleContext, 'emit' | 'stop'>,
  { source, options, sequences, world, stopping, calibrated, take }: Making,
): Promise<void> {
  const { rounding } = calibrated;
  const grid = integersOf(rounding.grid);
  const layers = linearLayers(source.config);
  const total = source.config.L;
  const report = {
    type: 'stage',
    stage: 'Prepare',
    subject: decompositionSubject.integers,
  } as const;
  emit({ ...report, state: 'Started' });
  {
    using integers = new QuantizedLayers(rounding);
    const { dtype, sequenceLength } = options;
    const model = frozenModel(source, { dtype, sequenceLength });
    using _parameters = model.parameters;
    const weightOf = (layer: LinearLayer) => weightIn(source, layer);
    const inputs = { model, layers, weightOf, sequences: sequences(calibrated.sequences) };
    for (const done of integers.make(inputs)) {
      emit({ ...report, state: 'Running', done, total, unit: 'Blocks' });
      // A request to stop is received here.
      await setImmediate();
      if (stopping()) stop.throwIfAborted();
    }
    for (const layer of world.rank === 0 ? layers : []) {
      scope(() => take(`${layer.path}.${storedSuffix}`, storedOf(integers, layer, grid)));
    }
  }
  trimMemory();
  emit({ ...report, state: 'Done' });
}

function storedOf(integers: QuantizedLayers, layer: LinearLayer, grid: IntegerGrid): Tensor {
  const { bits, range, groupSize = layer.in } = grid;
  const { codes, scales, zeros } = integers.coded(layer, [0, layer.out]);
  const fromZero = range === 'Symmetric' ? ops.addScalar(codes, 2 ** (bits - 1)) : codes;
  return storedIntegers({ codes: fromZero, scales, zeros }, { bits, groupSize });
}

function weightIn(source: ModelSource, { path }: LinearLayer): Tensor {
  const name = `${path}.weight`;
  const mapped = source.load(name, 'float32');
  requireFinite(name, mapped);
  const own = ops.clone(mapped);
  releasePages(mapped);
  return own;
}
