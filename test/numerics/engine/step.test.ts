// The block-by-block step against the golden table and against autograd over the whole model.
import test from 'ava';
import type { TapeMode } from '../../../crds/plan/memory-question.ts';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { aModel, aSequence, gradientsOf } from '../../builders/training.ts';
import {
  type GoldenCase,
  golden,
  goldenConfig,
  goldenIds,
  goldenTensors,
} from '../../toy/golden.ts';
import { document, referenceLoss } from '../../toy/reference-decoder.ts';

/** Printed with 9 decimals; the rest is rounding of some 10^4 operations on values of size 10. */
const nineDecimals = 0.5e-9 + 1e4 * 10 * 2 ** -53;
/** Two orders of the same sums in float64, on gradients of size 10. */
const reordered = 1e-12;

function norm(values: Iterable<readonly number[]>): number {
  let squares = 0;
  for (const value of values) for (const x of value) squares += x * x;
  return Math.sqrt(squares);
}

const meetsTable = test.macro({
  exec(t, each: GoldenCase, mode: TapeMode) {
    const model = aModel(each);
    using _parameters = model.parameters;
    const before = liveHandles();
    const { loss, gradients } = gradientsOf(model, [aSequence([goldenIds])], mode);
    t.is(liveHandles(), before, 'a step leaves no tensor behind');
    t.true(Math.abs(loss - each.loss) <= nineDecimals, `loss ${loss}`);
    const gnorm = norm(gradients.values());
    t.true(Math.abs(gnorm - each.gnorm) <= nineDecimals, `gnorm ${gnorm}`);
    const gE = norm([gradients.get('model.embed_tokens.weight') ?? []]);
    t.true(Math.abs(gE - each.gE) <= nineDecimals, `gE ${gE}`);
  },
  title: (_, { name }: GoldenCase, mode: TapeMode) =>
    `one step of ${name} has the golden loss and gradient norms with tapes that it ${mode}s`,
});

for (const each of golden.cases) {
  test(meetsTable, each, 'keep');
  test(meetsTable, each, 'recompute');
  test(meetsTable, each, 'offload');
}

const equalsAutograd = test.macro({
  exec(t, each: GoldenCase) {
    const expected = scope(() => {
      const config = goldenConfig(each);
      const weights = new Map(
        [...goldenTensors(config)].map(
          ([name, { spec, values }]) => [name, leaf(tensor(values, spec.shape))] as const,
        ),
      );
      const loss = withTape(() => referenceLoss({ config, weights }, document(goldenIds)));
      const gradients = grad([loss], [...weights.values()], [null]);
      return [...weights.keys()].map((name, i) => {
        const gradient = gradients[i];
        return [name, gradient ? toArray(gradient) : []] as const;
      });
    });
    const model = aModel(each);
    using _parameters = model.parameters;
    const { gradients } = gradientsOf(model, [aSequence([goldenIds])]);
    for (const [name, values] of expected) {
      const ours = gradients.get(name) ?? [];
      t.is(ours.length, values.length, name);
      const gap = Math.max(...values.map((value, i) => Math.abs(value - (ours[i] ?? Number.NaN))));
      t.true(gap <= reordered * Math.max(1, norm([values])), `${name}: ${gap}`);
    }
  },
  title: (_, { name }: GoldenCase) =>
    `every gradient of ${name} equals that of one tape over the whole model`,
});

for (const each of golden.cases) test(equalsAutograd, each);

const [llama] = golden.cases;
if (llama === undefined) throw new Error('the golden table is empty');

test('splitting a batch into micro-batches in any way gives the same gradients', (t) => {
  const model = aModel(llama);
  using _parameters = model.parameters;
  const texts = [
    goldenIds.slice(0, 5),
    goldenIds.slice(2),
    goldenIds.slice(0, 3),
    goldenIds.slice(4),
  ];
  const whole = gradientsOf(model, [aSequence(texts)]);
  const splits = [texts.map((ids) => [ids]), [texts.slice(0, 2), texts.slice(2)]];
  for (const split of splits) {
    const parts = gradientsOf(
      model,
      split.map((documents) => aSequence(documents)),
    );
    t.true(Math.abs(parts.loss - whole.loss) <= reordered * 10);
    for (const [name, values] of whole.gradients) {
      const ours = parts.gradients.get(name) ?? [];
      const gap = Math.max(...values.map((value, i) => Math.abs(value - (ours[i] ?? Number.NaN))));
      t.true(gap <= reordered * Math.max(1, norm([values])), `${name}: ${gap}`);
    }
  }
});

/** The ids of the table cut into the documents of its packed losses. */
function packedDocuments(): readonly (readonly number[])[] {
  const [first = 0] = golden.packed;
  return [goldenIds.slice(0, first), goldenIds.slice(first)];
}

const packs = test.macro({
  exec(t, each: GoldenCase) {
    const model = aModel(each);
    using _parameters = model.parameters;
    const documents = packedDocuments();
    const packed = gradientsOf(model, [aSequence(documents)]);
    const apart = gradientsOf(
      model,
      documents.map((ids) => aSequence([ids])),
    );
    t.true(Math.abs(packed.loss - apart.loss) <= reordered * 10);
    const swapped = gradientsOf(model, [aSequence(documents.toReversed())]);
    t.true(
      Math.abs(packed.loss - swapped.loss) <= reordered * 10,
      'order in the sequence is irrelevant',
    );
    if (each.packedLoss !== undefined) {
      t.true(Math.abs(packed.loss - each.packedLoss) <= nineDecimals, `loss ${packed.loss}`);
    }
  },
  title: (_, { name }: GoldenCase) =>
    `documents of ${name} packed into one sequence have the loss that they have apart`,
});

for (const each of golden.cases) test(packs, each);
