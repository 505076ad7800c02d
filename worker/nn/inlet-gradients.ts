// Gradients of what lies before the blocks, where that is a function of its tensors alone.
import type { Model } from '../engine/model.ts';
import type { EndSettings, StepEnds } from '../engine/network.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { parametersThroughTape } from './through-tape.ts';

/**
 * `entered`: the stream before the first block, by the tensors of the model or leaves of a tape.
 */
export function inletThroughTape(
  { parameters, places }: Pick<Model, 'parameters' | 'places'>,
  { active, sum }: Pick<EndSettings, 'active' | 'sum'>,
  entered: (sequence: PackedSequence, value: (name: string) => Tensor) => Tensor,
): Pick<StepEnds, 'inlet' | 'inletGradients'> {
  const inlet = active(places.inlet);
  const inlets = sum(inlet);
  return {
    inlet({ x: g }, sequence) {
      const found = scope(() => {
        const back = parametersThroughTape((name) => parameters.value(name), {
          active: inlet.map(({ name }) => name),
          of: (value) => entered(sequence, value),
          seed: () => g,
        });
        // Gradients may be views of g or of each other: sums are made in place.
        return back.active.map((gradient) => gradient && ops.clone(gradient));
      });
      inlets.add(found);
      return null;
    },
    inletGradients: () => inlets.finish(),
  };
}
