// Several adapters as one answerer: what each mode computes, and that it changes nothing beside it.
import test from 'ava';
import { composeModes } from '../../../crds/names/compose-modes.ts';
import { pageTokens } from '../../../crds/plan/serving-memory.ts';
import type { Composition } from '../../../crds/serve/compositions.ts';
import { Decoder } from '../../../worker/decoding/decoder.ts';
import { PagedCache } from '../../../worker/decoding/paged-cache.ts';
import { type Question, Sequence } from '../../../worker/decoding/sequence.ts';
import { stepLogits, type TapOfRows } from '../../../worker/decoding/step-logits.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import {
  type Matrix,
  matrix,
  minus,
  norm,
  product,
  weightedSum,
} from '../../../worker/federate/matrix.ts';
import { stackedFactors } from '../../../worker/federate/mean.ts';
import { ensembleOf, stacked } from '../../../worker/serve/compose.ts';
import { adapterTap, type ServedAdapter } from '../../../worker/serve/served-adapter.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { rounding, shortfalls } from '../decoding/whole-text.ts';
import { aQuestion, aServing, farthest, logitsOf, steps } from './toy-serving.ts';

test.before(() => setThreads(1));

const weights = [0.75, -0.5, 2];

/** Of mixed ranks, and one leaves layers alone. */
async function threeAdapters(serving: Awaited<ReturnType<typeof aServing>>) {
  const { write, load } = serving;
  const folders = [
    await write('first', 4, { alpha: 7 }),
    await write('second', 8, { ranks: { q_proj: 2 } }),
    await write('third', 3, { without: ['v_proj', 'down_proj'] }),
  ];
  return { folders, adapters: await Promise.all(['first', 'second', 'third'].map(load)) };
}

function aComposition(count: number, more: Partial<Composition> = {}): Composition {
  const parts = weights.slice(0, count).map((weight, i) => ({ adapter: `part${i}`, weight }));
  return { name: 'composed', mode: 'logits', span: 1, parts, ...more };
}

/** Who answers by a composition, with the stack that it may have made. */
function by(composition: Composition, adapters: readonly ServedAdapter[]) {
  if (composition.mode !== 'merge') return { ensemble: ensembleOf(composition, adapters) };
  const { parts } = composition;
  return {
    change: stacked(adapters.map((adapter, i) => ({ adapter, weight: parts[i]?.weight ?? 0 }))),
  };
}

function matrixOf(x: Tensor): Matrix {
  const [rows = 0, columns = 0] = x.shape;
  return matrix(rows, columns, toArray(x));
}

test.serial('merge is the sum of the weighted changes, and the stack of FLoRA', async (t) => {
  const serving = await aServing(t);
  const { adapters } = await threeAdapters(serving);
  const before = liveHandles();
  {
    using stack = stacked(adapters.map((adapter, i) => ({ adapter, weight: weights[i] ?? 0 })));
    for (const { path } of linearLayers(serving.model.config)) {
      const name = `${path}.weight`;
      const own = adapters.flatMap((adapter, i) => {
        const found = adapter.factors(name);
        const scaled = found && { A: matrixOf(found.A), B: matrixOf(found.B), scale: 1 };
        return scaled === undefined ? [] : [{ ...scaled, weight: weights[i] ?? 0 }];
      });
      const found = stack.factors(name);
      if (found === undefined) throw new Error(`the stack lacks ${name}`);
      t.is(
        found.A.shape[0],
        own.reduce((sum, { A }) => sum + A.rows, 0),
      );
      const ownWeights = own.map(({ weight }) => weight);
      const sum = weightedSum(
        ownWeights,
        own.map(({ A, B }) => product(B, A)),
      );
      const flora = stackedFactors(ownWeights, own);
      const ours = product(matrixOf(found.B), matrixOf(found.A));
      t.true(norm(minus(ours, sum)) <= 1e-6 * norm(sum), name);
      t.true(norm(minus(ours, product(flora.B, flora.A))) <= 1e-6 * norm(sum), name);
    }
  }
  t.is(liveHandles(), before);
});

test.serial('text by a merge is that of the model that all were merged into', async (t) => {
  const serving = await aServing(t);
  const { folders, adapters } = await threeAdapters(serving);
  const { change } = by(aComposition(3, { mode: 'merge' }), adapters);
  t.teardown(() => change?.[Symbol.dispose]());
  using decoder = new Decoder(serving.model, { pages: 20, tapOf: adapterTap });
  const sequences = [3, 9, 20].map((length) => decoder.start(aQuestion(length, change)));
  while (decoder.live.length > 0) decoder.step();
  const merged = aToyModel();
  t.teardown(() => merged.parameters[Symbol.dispose]());
  scope(() => {
    for (const layer of linearLayers(merged.config)) {
      const weight = merged.parameters.value(`${layer.path}.weight`);
      for (const [i, folder] of folders.entries()) {
        if (adapters[i]?.factors(`${layer.path}.weight`) === undefined) continue;
        ops.add_(weight, ops.mulScalar(folder.changeOf(layer), weights[i] ?? 0));
      }
    }
  });
  for (const { question, made } of sequences) {
    const gaps = shortfalls(merged, question.prompt, made);
    t.true(Math.max(...gaps) <= rounding, `${gaps}`);
  }
  const base = sequences.flatMap(({ question, made }) =>
    shortfalls(serving.model, question.prompt, made),
  );
  t.true(Math.max(...base) > 100 * rounding, 'the base says something else');
});

/** Sizes of the weights of a mean add up to 1.5 here, and so does what is rounded. */
const roundingOfMean = 2 * rounding;

/** `sum_i weights[i] rows[i]` of each step. */
function mean(
  rows: readonly (readonly (readonly number[])[])[],
  own: readonly (readonly number[])[],
) {
  return Array.from({ length: steps }, (_, step) =>
    (rows[0]?.[step] ?? []).map((_, at) =>
      rows.reduce((sum, one, i) => sum + (own[step]?.[i] ?? 0) * (one[step]?.[at] ?? 0), 0),
    ),
  );
}

test.serial('logits are the weighted mean of what each part gives by itself', async (t) => {
  const serving = await aServing(t);
  const { adapters } = await threeAdapters(serving);
  const alone = adapters.map(
    (adapter) => logitsOf(serving.model, [aQuestion(7, adapter)])[0] ?? [],
  );
  const asked = { ...aQuestion(7), ...by(aComposition(3), adapters) };
  const [found = []] = logitsOf(serving.model, [asked]);
  const total = 0.75 - 0.5 + 2;
  const shares = Array(steps).fill(weights.map((weight) => weight / total));
  t.true(farthest(found, mean(alone, shares)) <= roundingOfMean);
  for (const one of alone) t.true(farthest(found, one) > 100 * rounding);
});

test.serial(
  'dominant: one part weighs more for a span, then the next, and less each time',
  async (t) => {
    const serving = await aServing(t);
    const { adapters } = await threeAdapters(serving);
    const alone = adapters.map(
      (adapter) => logitsOf(serving.model, [aQuestion(7, adapter)])[0] ?? [],
    );
    const asked = { ...aQuestion(7), ...by(aComposition(3, { mode: 'dominant' }), adapters) };
    const [found = []] = logitsOf(serving.model, [asked]);
    // Leader to others 2.5 to 1, then 1.25 to 1, then all alike.
    const shares = [
      [5 / 9, 2 / 9, 2 / 9],
      [4 / 13, 5 / 13, 4 / 13],
      [1 / 3, 1 / 3, 1 / 3],
    ];
    t.true(farthest(found, mean(alone, shares)) <= roundingOfMean);
    t.true(farthest(found, mean(alone, Array(steps).fill(shares[2]))) > 100 * rounding);
    const wide = ensembleOf(aComposition(2, { mode: 'dominant', span: 3 }), adapters.slice(0, 2));
    const shareOf = (n: number) => wide(n).map(({ weight }) => Math.round(weight * 1e6) / 1e6);
    t.deepEqual([0, 2, 3, 9].map(shareOf), [
      [0.6, 0.4],
      [0.6, 0.4],
      [0.5, 0.5],
      [0.5, 0.5],
    ]);
  },
);

test.serial(
  'switch: each token by the part whose turn it is, over keys that the parts before it left',
  async (t) => {
    const { model, ...serving } = await aServing(t);
    const { adapters } = await threeAdapters({ model, ...serving });
    const composition = aComposition(3, { mode: 'switch' });
    const asked = { ...aQuestion(7), ...by(composition, adapters) };
    const [found = []] = logitsOf(model, [asked]);
    // The whole text at once, each row of it by the part that read it.
    const readBy = (row: number): number => Math.max(0, row - 6) % 3;
    const byRows: TapOfRows = ([{ lane } = never()]) =>
      adapterTap(
        lane.ids.map((_, from) => ({
          lane: new Sequence(aQuestion(1, adapters[readBy(from)])).lanes[0] ?? never(),
          ...{ from, count: 1 },
        })),
      );
    for (let step = 0; step < steps; step += 1) {
      const prompt = [...countUp(7, 7), ...[5, 6, 7].slice(0, step)];
      using cache = new PagedCache(model, 4);
      const sequence = new Sequence({ ...aQuestion(1), prompt });
      cache.clear(sequence.extend(cache.pages, pageTokens));
      const whole = scope(() => toArray(stepLogits(model, cache, sequence.lanes, byRows)));
      t.true(farthest([found[step] ?? []], [whole]) <= rounding, `step ${step}`);
    }
    for (const [i, adapter] of adapters.entries()) {
      const [own = []] = logitsOf(model, [aQuestion(7, adapter)]);
      t.is(farthest(found.slice(0, 1), own.slice(0, 1)) <= rounding, i === 0);
      t.true(farthest(found.slice(1), own.slice(1)) > 100 * rounding);
    }
    const wide = ensembleOf({ ...composition, span: 2 }, adapters);
    t.deepEqual(
      [0, 1, 2, 3, 4, 5, 6].map((n) => adapters.indexOf(wide(n)[0]?.change as ServedAdapter)),
      [0, 0, 1, 1, 2, 2, 0],
    );
  },
);

function never(): never {
  throw new Error('a batch has a lane');
}

for (const mode of composeModes) {
  test.serial(`${mode} of one part has the bits of the part`, async (t) => {
    const { model, write, load } = await aServing(t);
    await write('only', 8, { alpha: 3 });
    const only = await load('only');
    const composition = aComposition(1, { mode, parts: [{ adapter: 'only', weight: 1 }] });
    const answerer = by(composition, [only]);
    t.teardown(() => answerer.change?.[Symbol.dispose]());
    const asked = { ...aQuestion(7), ...answerer };
    t.deepEqual(logitsOf(model, [asked]), logitsOf(model, [aQuestion(7, only)]));
  });
}

test.serial('composed and single requests of one batch get what each gets alone', async (t) => {
  const serving = await aServing(t);
  const { model } = serving;
  const { adapters } = await threeAdapters(serving);
  const answerers = composeModes.map((mode) => by(aComposition(3, { mode }), adapters));
  t.teardown(() => {
    for (const { change } of answerers) change?.[Symbol.dispose]();
  });
  const questions: Question[] = [
    aQuestion(4),
    aQuestion(6, adapters[0]),
    ...answerers.map((one, i) => ({ ...aQuestion(5 + 3 * i), ...one })),
    aQuestion(9, adapters[2]),
  ];
  const together = logitsOf(model, questions);
  for (const [i, question] of questions.entries()) {
    const [alone = []] = logitsOf(model, [question]);
    const gap = farthest(together[i] ?? [], alone);
    t.true(gap <= roundingOfMean, `request ${i}: ${gap}`);
  }
});

test.serial('a part of NaN ends its compositions, and changes no bit beside them', async (t) => {
  const { model, write, load } = await aServing(t);
  await write('mine', 8);
  await write('other', 4);
  await write('broken', 4, { size: Number.NaN });
  const [mine, other, broken] = await Promise.all(['mine', 'other', 'broken'].map(load));
  if (mine === undefined || other === undefined || broken === undefined) throw new Error('none');
  const beside = (part: ServedAdapter) =>
    logitsOf(model, [
      aQuestion(5),
      { ...aQuestion(9), ...by(aComposition(2), [mine, part]) },
      aQuestion(6, mine),
    ]);
  const [plain, , good] = beside(other);
  const [samePlain, bad, sameGood] = beside(broken);
  t.true(bad?.flat().every(Number.isNaN));
  t.deepEqual(samePlain, plain);
  t.deepEqual(sameGood, good);
  using decoder = new Decoder(model, { pages: 4, tapOf: adapterTap });
  const ended = decoder.start({ ...aQuestion(9), ...by(aComposition(2), [mine, broken]) });
  decoder.step();
  t.is(ended.end, 'NotFinite');
  t.is(decoder.freePages, 4, 'pages of both lanes are free again');
});
