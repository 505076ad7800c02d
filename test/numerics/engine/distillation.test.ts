// Steps against a teacher: gradients of autograd over the whole model and the whole vocabulary, and
// the same ones however a batch is cut.
import test from 'ava';
import type { Model } from '../../../worker/engine/model.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { distillationLoss } from '../../../worker/methods/rules/distillation.ts';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { item, type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { aModel, aSequence, gradientsOf, type StepFacts, topOf } from '../../builders/training.ts';
import { golden, goldenConfig, goldenIds, goldenTensors } from '../../toy/golden.ts';
import { document, referenceLogits } from '../../toy/reference-decoder.ts';

const caseOf = (name: string) =>
  golden.cases.find((one) => one.name === name) ?? golden.cases[0] ?? never();
function never(): never {
  throw new Error('the golden table is empty');
}

// The student's logits have a cap.
const student = caseOf('gemma2');
const teacher = caseOf('llama');
const settings = { weight: 0.3, temperature: 2 };

function distilled(of: Model, sequences: readonly HostSequence[], count: number): StepFacts {
  const model = aModel(student);
  using _parameters = model.parameters;
  return gradientsOf(model, sequences, 'keep', {
    distilled: {
      objective: distillationLoss(settings),
      teacher: (host) => topOf(of, host, { ...settings, count }),
    },
  });
}

function logitsOf(each: typeof student, ids: readonly number[]) {
  const config = goldenConfig(each);
  const weights = new Map(
    [...goldenTensors(config)].map(
      ([name, { spec, values }]) => [name, leaf(tensor(values, spec.shape))] as const,
    ),
  );
  return { weights, logits: referenceLogits({ config, weights }, document(ids)) };
}

/** KL over the vocabulary in which all but the most likely tokens of the teacher are one. */
function divergence(p: Tensor, q: Tensor, count: number): Tensor {
  const [, kept] = ops.topk(q, count, 1);
  const bucketed = (x: Tensor): Tensor => {
    const top = ops.gather(x, 1, kept);
    if (count === x.shape[1]) return top;
    const others = ops.sub(ops.sumDim(x, [1], true), ops.sumDim(top, [1], true));
    return ops.cat([top, others], 1);
  };
  const [a, b] = [bucketed(q), bucketed(p)];
  return ops.sumDim(ops.mul(a, ops.sub(ops.log(a), ops.log(b))), [1]);
}

function byAutograd(ids: readonly number[], count: number) {
  return scope(() => {
    const { weights, loss, mean } = withTape(() => {
      const own = logitsOf(student, ids);
      const theirs = ops.detach(logitsOf(teacher, ids).logits);
      const rows = ids.length - 1;
      const [z, t] = [own.logits, theirs].map((each) => ops.narrow(each, 0, 0, rows)) as [
        Tensor,
        Tensor,
      ];
      const soft = (each: Tensor) => ops.softmax(ops.divScalar(each, settings.temperature), 1);
      const D = ops.mean(divergence(soft(z), soft(t), count));
      const labels = tensor(ids.slice(1), [rows, 1], 'int64');
      const nll = ops.neg(ops.mean(ops.gather(ops.logSoftmax(z, 1), 1, labels)));
      const { weight } = settings;
      const all = ops.add(ops.mulScalar(nll, 1 - weight), ops.mulScalar(D, weight));
      return { weights: own.weights, loss: all, mean: D };
    });
    const gradients = grad([loss], [...weights.values()], [null]);
    const byName = [...weights.keys()].map((name, i) => {
      const gradient = gradients[i];
      return [name, gradient ? toArray(gradient) : []] as const;
    });
    return { divergence: item(mean), gradients: new Map(byName) };
  });
}

function gapOf(a: StepFacts['gradients'], b: StepFacts['gradients']): number {
  const gaps = [...a].flatMap(([name, values]) =>
    values.map((value, i) => Math.abs(value - (b.get(name)?.[i] ?? Number.NaN))),
  );
  return Math.max(...gaps);
}

for (const count of [4, 40]) {
  test(`the gradients of ${count} of 40 tokens are those of autograd to 1e-10`, (t) => {
    const of = aModel(teacher);
    using _parameters = of.parameters;
    const expected = byAutograd(goldenIds, count);
    const ours = distilled(of, [aSequence([goldenIds])], count);
    t.true(Math.abs(ours.divergence - expected.divergence) < 1e-10);
    t.true(expected.divergence > 0.1);
    const gap = gapOf(expected.gradients, ours.gradients);
    t.true(gap < 1e-10, `${gap}`);
  });
}

test('micro-batches and packing give the same gradients, and prompts have no part', (t) => {
  const of = aModel(teacher);
  using _parameters = of.parameters;
  const texts = [goldenIds.slice(0, 5), goldenIds.slice(2), goldenIds.slice(0, 3)];
  const prompt = (host: HostSequence) => {
    const labels = host.labels.map((label, i) => (i % 3 === 0 ? -100 : label));
    return { ...host, labels, targetCount: labels.filter((label) => label >= 0).length };
  };
  const whole = distilled(of, [prompt(aSequence(texts))], 8);
  // The same labels, document by document.
  const { labels } = prompt(aSequence(texts));
  let first = 0;
  const apart = texts.map((ids) => {
    const own = labels.slice(first, first + ids.length);
    first += ids.length;
    const targetCount = own.filter((label) => label >= 0).length;
    return { ...aSequence([ids]), labels: own, targetCount };
  });
  const parts = distilled(of, apart, 8);
  t.true(Math.abs(parts.divergence - whole.divergence) <= 1e-11);
  t.true(gapOf(whole.gradients, parts.gradients) <= 1e-11);
  const all = distilled(of, [aSequence(texts)], 8);
  t.true(Math.abs(all.divergence - whole.divergence) > 1e-4);
});
