// What lies before and behind the blocks of a vision transformer in a step.
import type { Model } from '../engine/model.ts';
import type { EndSettings, StepEnds } from '../engine/network.ts';
import { classGradient, classLoss, fromClasses } from '../nn/class-loss.ts';
import { inletThroughTape } from '../nn/inlet-gradients.ts';
import { requireNoTeacher } from '../nn/require-no-teacher.ts';
import { throughTape } from '../nn/through-tape.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { visionConfig } from './config.ts';
import { classLogs } from './head.ts';
import { entered } from './inlet.ts';

export function visionEnds(model: Model, settings: EndSettings): StepEnds {
  requireNoTeacher(model, settings, fromClasses);
  const { active, scale, sum } = settings;
  const config = visionConfig(model.config);
  const { parameters, places } = model;
  const tensorOf = (name: string): Tensor => parameters.value(name);
  const head = active(places.outlet);
  const heads = sum(head);
  return {
    outlet(x, sequence) {
      const { labels } = sequence;
      const { active: found, ...pass } = scope(() => {
        const back = throughTape(x, tensorOf, {
          active: head.map(({ name }) => name),
          of: (stream, value) => classLogs(config, stream, sequence, value),
          seed: (logs) => classGradient(logs, labels, scale),
        });
        const { sums } = classLoss(back.output, labels);
        return { sums, input: back.input, active: back.active };
      });
      heads.add(found);
      return pass;
    },
    outletGradients: () => heads.finish(),
    ...inletThroughTape(model, settings, (sequence, value) => entered(model, sequence, value)),
  };
}
