// What lies before and behind the blocks of a restoration network in a step.
import type { Model } from '../engine/model.ts';
import type { EndSettings, StepEnds } from '../engine/network.ts';
import { requireNoTeacher } from '../nn/require-no-teacher.ts';
import { throughTape } from '../nn/through-tape.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { enter, leave } from './block.ts';
import { restorationConfig } from './config.ts';
import { differenceGradient, differenceLoss } from './loss.ts';
import { picturesIn } from './pictures.ts';

export function restorationEnds(model: Model, settings: EndSettings): StepEnds {
  requireNoTeacher(model, settings, 'the pictures of its data alone; it has no teacher');
  const { active, scale, sum } = settings;
  const config = restorationConfig(model.config);
  const tensorOf = (name: string): Tensor => model.parameters.value(name);
  const [inlet, outlet] = [active(model.places.inlet), active(model.places.outlet)];
  const [inlets, outlets] = [sum(inlet), sum(outlet)];
  return {
    outlet(x, { inputs }) {
      const { active: found, ...pass } = scope(() => {
        const { size, pixels, target } = picturesIn(inputs);
        const back = throughTape(x, tensorOf, {
          active: outlet.map(({ name }) => name),
          of: (stream, value) => leave(config, stream, size, pixels, value),
          seed: (restored) => differenceGradient(restored, target, scale),
        });
        const { sums } = differenceLoss(back.output, target);
        return { sums, input: back.input, active: back.active };
      });
      outlets.add(found);
      return pass;
    },
    outletGradients: () => outlets.finish(),
    inlet({ x: g }, { inputs }) {
      const found = scope(() => {
        const { size, pixels } = picturesIn(inputs);
        const back = throughTape(ops.to(pixels, model.dtype), tensorOf, {
          active: inlet.map(({ name }) => name),
          of: (own, value) => enter(config, own, size, value),
          seed: () => g,
        });
        return back.active;
      });
      inlets.add(found);
      return null;
    },
    inletGradients: () => inlets.finish(),
  };
}
