// What is told of queries and keys is what attention multiplies: it scales with their weights, is
// free of them behind norms of heads, and is that of all ranks.
import test from 'ava';
import { entryBound } from '../../../crds/wire/attention-entries.ts';
import { EntryWatch, entriesOf } from '../../../worker/engine/attention-entries.ts';
import { alone } from '../../../worker/engine/world.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { tensor } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { heldOutLoss } from '../../../worker/train/held-out-loss.ts';
import { countUp } from '../../builders/toy-training.ts';
import { aModel, aSequence } from '../../builders/training.ts';
import { type GoldenCase, golden } from '../../toy/golden.ts';

test.before(() => setThreads(1));

const sizes = { L: 2, NH: 4, NK: 2 };
const llama = caseNamed('llama');
const qwen3 = caseNamed('qwen3');

function caseNamed(name: string): GoldenCase {
  const found = golden.cases.find((each) => each.name === name);
  if (found === undefined) throw new Error(`the golden table has no ${name}`);
  return found;
}

/** With the weights of the last layer's queries multiplied by `factor`. */
async function measured(each: GoldenCase, factor: number) {
  const model = aModel(each);
  using parameters = model.parameters;
  const weight = parameters.value(`model.layers.${model.config.L - 1}.self_attn.q_proj.weight`);
  scope(() => ops.mulScalar_(weight, factor));
  const found = await heldOutLoss(
    model,
    [aSequence([countUp(0, 12)]), aSequence([countUp(5, 3)])],
    () => false,
  );
  if (found === null) throw new Error('nobody stopped it');
  return found.attention;
}

test.serial('entries grow as the weights that make them', async (t) => {
  const [once, twice] = [await measured(llama, 256), await measured(llama, 512)];
  t.is(twice.query, 2 * (once.query ?? Number.NaN));
  t.is(twice.key, once.key);
  t.is(once.tokens, 12);
  t.true((once.above[0] ?? 0) >= 4, 'the heads of the last layer');
});

test.serial('behind norms of heads they do not', async (t) => {
  const [once, twice] = [await measured(qwen3, 256), await measured(qwen3, 512)];
  t.true(Math.abs((twice.query ?? 0) / (once.query ?? Number.NaN) - 1) < 1e-6);
});

test('a head counts by the larger of its queries and its keys', (t) => {
  const bound = entryBound(100);
  const small = bound / 2;
  const layers = [
    [...[small, 1.5 * bound, small, small], ...[small, 3 * bound]],
    [...[small, small, small, bound], ...[5 * bound, small]],
  ];
  const found = entriesOf(layers.flat(), sizes, 100);
  t.is(found.heads, 8);
  t.deepEqual(found.above, [5, 4, 2]);
  t.is(found.query, 1.5 * bound);
  t.is(found.key, 5 * bound);
  t.is(entriesOf([Number.NaN, ...layers.flat().slice(1)], sizes, 100).query, null);
});

test.serial('the largest of all ranks is told by each of them', (t) => {
  scope(() => {
    const config = { ...aConfig(), ...sizes };
    const values = [
      [1, -7, 2, 3],
      [4, 5, -6, 1],
    ];
    const watches = values.map((heads) => {
      const watch = new EntryWatch();
      for (const layer of [0, 1]) {
        watch.see(layer, tensor(heads, [1, 4, 1]), tensor(heads.slice(0, 2), [1, 2, 1]));
      }
      return watch;
    });
    const told: (readonly number[])[] = [];
    const listen = (rank: number) => ({
      ...alone,
      ...{ rank, size: 2 },
      sum(slots: readonly number[]): readonly number[] {
        told.push(slots);
        return slots;
      },
    });
    for (const [rank, watch] of watches.entries()) watch.summary(config, 50, listen(rank));
    const all = told[0]!.map((value, i) => value + (told[1]?.[i] ?? 0));
    const found = watches.map((watch, rank) =>
      watch.summary(config, 50, { ...listen(rank), sum: () => all }),
    );
    const scale = Math.sqrt(config.attentionScale);
    t.is(found[0]?.query, 7 * scale);
    t.is(found[0]?.key, 7 * scale);
    t.deepEqual(found[1], found[0]);
    for (const watch of watches) watch[Symbol.dispose]();
  });
});

function aConfig() {
  const model = aModel(llama);
  using _parameters = model.parameters;
  return model.config;
}
