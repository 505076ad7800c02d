// Block by block: each layer is shown what the quantized blocks before it give, and products read
// what was made of it.
import test from 'ava';
import type { Model } from '../../../worker/engine/model.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import {
  fittedSteps,
  type IntegerGrid,
  onGrid,
} from '../../../worker/methods/weights/learned-step.ts';
import { checkLogits, compareLogits } from '../../../worker/publish/reload-check.ts';
import { type QuantizeLayer, quantizeBlocks } from '../../../worker/quantize/quantize-blocks.ts';
import type { InputGrid } from '../../../worker/quantize/rounded-inputs.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { aSequence } from '../../builders/training.ts';

const hosts = [aSequence([countUp(0, 30), countUp(20, 5)]), aSequence([countUp(11, 40)])];

function quantized(
  model: Model,
  quantize: QuantizeLayer,
  inputs: InputGrid | null = null,
): readonly number[] {
  const sequences = hosts.map((host) => toSequence(model, host));
  return [...quantizeBlocks(model, sequences, quantize, inputs)];
}

/** A matrix of the model, in place of which the copy is read that is made of it. */
function copying(
  model: Model,
  change: (weight: Tensor) => Tensor = (weight) => weight,
): QuantizeLayer {
  return (path) => {
    const kept = keep(scope(() => ops.clone(change(model.parameters.value(`${path}.weight`)))));
    return () => ops.clone(kept);
  };
}

test('every linear layer of every block is shown once, q before k before v, and blocks in order', (t) => {
  const model = aToyModel({ name: 'llama' });
  using parameters = model.parameters;
  scope(() => {
    const seen: string[] = [];
    const same = copying(model);
    const done = quantized(model, (path, gram) => {
      seen.push(path);
      const [, inputs = 0] = parameters.get(`${path}.weight`).shape;
      t.deepEqual(gram.shape, [inputs, inputs]);
      return same(path, gram);
    });
    t.deepEqual(
      done,
      Array.from({ length: model.config.L }, (_, i) => i + 1),
    );
    const names = ['q_proj', 'k_proj', 'v_proj', 'o_proj'].map((one) => `self_attn.${one}`);
    const mlp = ['gate_proj', 'up_proj', 'down_proj'].map((one) => `mlp.${one}`);
    const all = done.flatMap((_, i) => [...names, ...mlp].map((n) => `model.layers.${i}.${n}`));
    t.deepEqual(seen, all);
  });
});

test('a matrix that is replaced by itself changes no logit; what is made of it is what is read', (t) => {
  const model = aToyModel({ name: 'llama' });
  using _parameters = model.parameters;
  scope(() => {
    const before = checkLogits(model);
    quantized(model, copying(model));
    t.is(compareLogits(before, checkLogits(model)).klDivergence, 0);
    quantized(model, copying(model, ops.zerosLike));
    t.true(compareLogits(before, checkLogits(model)).klDivergence > 1e-4);
  });
});

test('inputs are those that the quantized blocks before give', (t) => {
  const grid: IntegerGrid = { bits: 2, range: 'Asymmetric' };
  const gramsOf = (
    change?: (weight: Tensor) => Tensor,
    inputs: InputGrid | null = null,
  ): ReadonlyMap<string, string> => {
    const model = aToyModel({ name: 'llama' });
    using _parameters = model.parameters;
    const grams = new Map<string, string>();
    const make = copying(model, change);
    scope(() => {
      const quantize: QuantizeLayer = (path, gram) => {
        grams.set(path, String(toArray(gram)));
        return make(path, gram);
      };
      quantized(model, quantize, inputs);
    });
    return grams;
  };
  const exact = gramsOf();
  const coarse = gramsOf((weight) => onGrid(weight, fittedSteps(weight, grid), grid));
  const equal = [...exact].flatMap(([path, gram]) => (gram === coarse.get(path) ? [path] : []));
  t.deepEqual(
    equal,
    [...exact.keys()].filter((path) => path.startsWith('model.layers.0.')),
  );
  // Where inputs are rounded, all are seen so, and more of what came of it in later blocks.
  const rounded = gramsOf(undefined, 'Int8');
  t.false([...exact].some(([path, gram]) => gram === rounded.get(path)));
});
