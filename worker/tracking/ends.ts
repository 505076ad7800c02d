// What lies before and behind the blocks of a tracker in a step.
import type { Model } from '../engine/model.ts';
import type { EndSettings, StepEnds } from '../engine/network.ts';
import { requireNoTeacher } from '../nn/require-no-teacher.ts';
import { parametersThroughTape, throughTape } from '../nn/through-tape.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { trackingConfig } from './config.ts';
import { headOutputs, searchStates } from './head.ts';
import { entered } from './inlet.ts';
import { trackingLoss } from './loss.ts';

export function trackingEnds(model: Model, settings: EndSettings): StepEnds {
  requireNoTeacher(model, settings, 'the boxes of its data alone; it has no teacher');
  const { active, scale, sum } = settings;
  const config = trackingConfig(model.config);
  const tensorOf = (name: string): Tensor => model.parameters.value(name);
  const [inlet, outlet] = [active(model.places.inlet), active(model.places.outlet)];
  const [inlets, outlets] = [sum(inlet), sum(outlet)];
  return {
    outlet(x, sequence) {
      const { active: found, ...pass } = scope(() => {
        const back = throughTape(x, tensorOf, {
          active: outlet.map(({ name }) => name),
          of: (stream, value) => {
            const outputs = headOutputs(searchStates(config, stream, sequence, value), value);
            return trackingLoss(config, outputs, sequence);
          },
          seed: (rows) => ops.mulScalar(ops.onesLike(rows), scale),
        });
        const loss = ops.sum(ops.to(back.output, 'float64'));
        return { sums: { loss }, input: back.input, active: back.active };
      });
      outlets.add(found);
      return pass;
    },
    outletGradients: () => outlets.finish(),
    inlet({ x: g }, sequence) {
      const found = scope(() => {
        const back = parametersThroughTape(tensorOf, {
          active: inlet.map(({ name }) => name),
          of: (value) => entered(model, sequence, value),
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
