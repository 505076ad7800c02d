// What lies before and behind the blocks of a tracker in a step.
import type { Model } from '../engine/model.ts';
import type { EndSettings, StepEnds } from '../engine/network.ts';
import { inletThroughTape } from '../nn/inlet-gradients.ts';
import { requireNoTeacher } from '../nn/require-no-teacher.ts';
import { throughTape } from '../nn/through-tape.ts';
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
  const outlet = active(model.places.outlet);
  const outlets = sum(outlet);
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
    ...inletThroughTape(model, settings, (sequence, value) => entered(model, sequence, value)),
  };
}
