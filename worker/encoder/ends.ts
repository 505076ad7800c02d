// What lies before and behind the blocks of an encoder in a step.
import type { Model } from '../engine/model.ts';
import type { EndSettings, StepEnds } from '../engine/network.ts';
import { classGradient, classLoss, fromClasses } from '../nn/class-loss.ts';
import { requireNoTeacher } from '../nn/require-no-teacher.ts';
import { tableGradients } from '../nn/table-gradients.ts';
import { throughTape } from '../nn/through-tape.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { encoderConfig } from './config.ts';
import { classLogs } from './head.ts';
import { embedded, inletNorm, tablesOf } from './inlet.ts';

export function encoderEnds(model: Model, settings: EndSettings): StepEnds {
  requireNoTeacher(model, settings, fromClasses);
  const { active, scale, sum } = settings;
  const config = encoderConfig(model.config);
  const { parameters, places } = model;
  const tensorOf = (name: string): Tensor => parameters.value(name);
  const head = active(places.outlet);
  const heads = sum(head);
  const inlet = active(places.inlet);
  const isTable = ({ shape }: { readonly shape: readonly number[] }) => shape.length === 2;
  const tables = tableGradients(inlet.filter(isTable));
  const norm = inlet.filter((parameter) => !isTable(parameter));
  const norms = sum(norm);
  return {
    outlet(x, { rows, labels }) {
      const { active: found, ...pass } = scope(() => {
        const back = throughTape(ops.indexSelect(x, 0, rows), tensorOf, {
          active: head.map(({ name }) => name),
          of: (states, value) => classLogs(config, states, value),
          seed: (logs) => classGradient(logs, labels, scale),
        });
        const input = ops.indexCopy_(ops.zerosLike(x), 0, rows, back.input);
        const { sums } = classLoss(back.output, labels);
        return { sums, input, active: back.active };
      });
      heads.add(found);
      return pass;
    },
    outletGradients: () => heads.finish(),
    inlet({ x: g }, sequence) {
      const found = scope(() => {
        const back = throughTape(embedded(config, model, sequence), tensorOf, {
          active: norm.map(({ name }) => name),
          of: (e, value) => inletNorm(config, e, value),
          seed: () => g,
        });
        tables.add(back.input, tablesOf(config, sequence));
        return back.active;
      });
      norms.add(found);
      return null;
    },
    inletGradients: () => [...tables.finish(), ...norms.finish()],
  };
}
