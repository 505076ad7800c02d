// The decoder, written down literally, against values that another program computed.
import test from 'ava';
import { parameterCount } from '../../worker/decoder/sizes.ts';
import { grad, leaf, withTape } from '../../worker/tensor/autograd.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { item, tensor, toArray } from '../../worker/tensor/tensor.ts';
import {
  documents,
  type GoldenCase,
  golden,
  goldenConfig,
  goldenIds,
  goldenTensors,
} from '../toy/golden.ts';
import {
  document,
  type ReferenceModel,
  referenceLogits,
  referenceLoss,
} from '../toy/reference-decoder.ts';

// The table is printed with 9 decimals, the logits with 8: half a unit of the last one, and the
// rounding of a float64 computation in another order, some 10^4 operations on values of size 10.
const rounding = 1e4 * 10 * 2 ** -53;
const loss9 = 0.5e-9 + rounding;
const logits8 = 0.5e-8 + rounding;

function model(golden: GoldenCase): ReferenceModel {
  const config = goldenConfig(golden);
  const weights = [...goldenTensors(config)].map(
    ([name, { spec, values }]) => [name, leaf(tensor(values, spec.shape))] as const,
  );
  return { config, weights: new Map(weights) };
}

const matches = test.macro({
  exec(t, golden: GoldenCase) {
    t.is(parameterCount(goldenConfig(golden)), golden.parameters);
    scope(() => {
      const toy = model(golden);
      const names = [...toy.weights.keys()];
      const loss = withTape(() => referenceLoss(toy, document(goldenIds)));
      const gradients = grad([loss], [...toy.weights.values()], [null]);
      const squares = gradients.map((each) =>
        each === null ? 0 : toArray(each).reduce((sum, x) => sum + x * x, 0),
      );
      const gnorm = Math.sqrt(squares.reduce((sum, x) => sum + x, 0));
      const gE = Math.sqrt(squares[names.indexOf('model.embed_tokens.weight')] ?? 0);
      t.true(Math.abs(item(loss) - golden.loss) <= loss9, `loss ${item(loss)}`);
      t.true(Math.abs(gnorm - golden.gnorm) <= loss9, `gnorm ${gnorm}`);
      t.true(Math.abs(gE - golden.gE) <= loss9, `gE ${gE}`);
      const last = toArray(referenceLogits(toy, document(goldenIds))).slice(11 * 40, 11 * 40 + 3);
      for (const [id, expected] of golden.logits.entries()) {
        t.true(Math.abs((last[id] ?? 0) - expected) <= logits8, `logit ${id}: ${last[id]}`);
      }
    });
  },
  title: (_, { name }: GoldenCase) => `${name} has the golden loss, gradients and logits`,
});
for (const each of golden.cases) test(matches, each);

const packs = test.macro({
  exec(t, each: GoldenCase) {
    scope(() => {
      const toy = model(each);
      const packed = { ids: goldenIds, ...documents(golden.packed) };
      const loss = item(referenceLoss(toy, packed));
      t.true(Math.abs(loss - (each.packedLoss ?? 0)) <= loss9, `loss ${loss}`);
      const [first = 0] = golden.packed;
      const alone = [goldenIds.slice(0, first), goldenIds.slice(first)].flatMap((ids) =>
        toArray(referenceLogits(toy, document(ids))),
      );
      const together = toArray(referenceLogits(toy, packed));
      const gap = Math.max(...together.map((z, i) => Math.abs(z - (alone[i] ?? 0))));
      t.true(gap <= rounding, `gap ${gap}`);
    });
  },
  title: (_, { name }: GoldenCase) => `${name}: documents in one sequence do not see each other`,
});
for (const each of golden.cases) if (each.packedLoss !== undefined) test(packs, each);

test('the rule of integers gives the first value of the embedding', (t) => {
  const [llama] = golden.cases;
  const { values } = goldenTensors(goldenConfig(llama!)).get('model.embed_tokens.weight')!;
  t.is(values[0]?.toFixed(8), golden.firstEmbedding.toFixed(8));
});
