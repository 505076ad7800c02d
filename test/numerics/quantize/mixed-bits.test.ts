// Bits of layers by what a block loses of its output: budgets are kept, more bits go where more is
// lost, and the model is as it was.
import test from 'ava';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import { checkLogits, compareLogits } from '../../../worker/publish/reload-check.ts';
import { chooseBits } from '../../../worker/quantize/mixed-bits.ts';
import type { RoundingSettings } from '../../../worker/quantize/quantize-matrix.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { aSequence } from '../../builders/training.ts';

const rounding: RoundingSettings = {
  ...{ grid: { bits: 4, range: 'Asymmetric' }, steps: 'ClipSearch', rounding: 'GPTQ', refits: 1 },
};
const hosts = [aSequence([countUp(0, 30), countUp(20, 5)]), aSequence([countUp(11, 40)])];

function chosen(model: Model, average: number): ReadonlyMap<string, number> {
  const steps = chooseBits(
    {
      ...{ model, layers: linearLayers(model.config) },
      sequences: hosts.map((host) => toSequence(model, host)),
      weightOf: ({ path }) => ops.clone(model.parameters.value(`${path}.weight`)),
    },
    rounding,
    average,
  );
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

function averageOf(model: Model, bits: ReadonlyMap<string, number>): number {
  const layers = linearLayers(model.config).map(({ path, out, in: inputs }) => {
    return { values: out * inputs, bits: bits.get(path) ?? Number.NaN };
  });
  const values = layers.reduce((sum, one) => sum + one.values, 0);
  return layers.reduce((sum, one) => sum + one.values * one.bits, 0) / values;
}

test('the average is within the budget, all budgets that allow the most bits give them, and layers of one input agree', (t) => {
  const model = aToyModel({ name: 'llama' });
  using parameters = model.parameters;
  scope(() => {
    const before = checkLogits(model);
    const handles = liveHandles();
    for (const average of [2, 2.7, 3.5, 5, 8]) {
      const bits = scope(() => chosen(model, average));
      t.is(bits.size, linearLayers(model.config).length);
      const own = averageOf(model, bits);
      t.true(own <= average + 1e-9, `${own}`);
      t.true(own > average - 1.5, `${own}`);
      for (const [path, width] of bits) {
        const shared = path.replace(/[kv]_proj$/, 'q_proj').replace('up_proj', 'gate_proj');
        t.is(bits.get(shared), width, path);
      }
    }
    parameters.disposeMade();
    t.is(liveHandles(), handles);
    t.is(compareLogits(before, checkLogits(model)).klDivergence, 0);
  });
});

test('a layer that loses most gets more bits than others', (t) => {
  const model = aToyModel({ name: 'llama' });
  using parameters = model.parameters;
  scope(() => {
    // A value of each row makes all others of it coarse, and outputs are larger.
    const { path } = linearLayers(model.config).find((one) =>
      one.path.endsWith('1.mlp.down_proj'),
    )!;
    const weight = parameters.value(`${path}.weight`);
    ops.mulScalar_(weight, 4);
    ops.mulScalar_(ops.narrow(weight, 1, 3, 1), 8);
    const bits = chosen(model, 3.2);
    const others = [...bits].filter(([name]) => name !== path).map(([, width]) => width);
    const mean = others.reduce((sum, width) => sum + width, 0) / others.length;
    t.true(bits.get(path)! > mean + 0.5, `${bits.get(path)} ${mean}`);
  });
});
