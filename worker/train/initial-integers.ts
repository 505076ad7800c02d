// The integers of a base that are made with inputs of its layers on training data, before there is
// a model to train. The first rank writes them.
import { decompositionSubject } from '../../crds/stages/subjects.ts';
import { linearLayers } from '../engine/adapted-layers.ts';
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
import type { Tensor } from '../tensor/tensor.ts';
import { type DensePass, passDense, weightIn } from './dense-pass.ts';

interface Making extends DensePass {
  readonly sequences: (count: number) => readonly HostSequence[];
  readonly world: World;
  readonly calibrated: NonNullable<WeightStore['calibrated']>;
  /** Of the first rank: a matrix in stored form, by its name. */
  readonly take: (name: string, stored: Tensor) => void;
}

export async function makeIntegers(
  context: Pick<RoleContext, 'emit' | 'stop'>,
  { sequences, world, calibrated, take, ...pass }: Making,
): Promise<void> {
  const { source } = pass;
  const { rounding } = calibrated;
  const grid = integersOf(rounding.grid);
  const layers = linearLayers(source.config);
  const subject = decompositionSubject.integers;
  {
    using integers = new QuantizedLayers(rounding);
    await passDense(context, pass, subject, (model) => {
      const weightOf = (layer: LinearLayer) => weightIn(source, layer);
      return integers.make({
        ...{ model, layers, weightOf, sequences: sequences(calibrated.sequences) },
      });
    });
    for (const layer of world.rank === 0 ? layers : []) {
      scope(() => take(`${layer.path}.${storedSuffix}`, storedOf(integers, layer, grid)));
    }
  }
  trimMemory();
  context.emit({ type: 'stage', stage: 'Prepare', subject, state: 'Done' });
}

function storedOf(integers: QuantizedLayers, layer: LinearLayer, grid: IntegerGrid): Tensor {
  const { bits, range, groupSize = layer.in } = grid;
  const { codes, scales, zeros } = integers.coded(layer, [0, layer.out]);
  const fromZero = range === 'Symmetric' ? ops.addScalar(codes, 2 ** (bits - 1)) : codes;
  return storedIntegers({ codes: fromZero, scales, zeros }, { bits, groupSize });
}
