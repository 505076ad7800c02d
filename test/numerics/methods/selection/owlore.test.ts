import test from 'ava';
import fc from 'fast-check';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import type { Parameters } from '../../../../worker/engine/parameters.ts';
import { adamW } from '../../../../worker/methods/optimizers/adamw.ts';
import { exactSubspaces, galore } from '../../../../worker/methods/optimizers/galore.ts';
import type { topSubspace } from '../../../../worker/methods/optimizers/subspace.ts';
import { type LisaSettings, lisa } from '../../../../worker/methods/selection/lisa.ts';
import { drawWeights, owlore } from '../../../../worker/methods/selection/owlore.ts';
import type { Selection } from '../../../../worker/methods/selection/selection.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { toArray } from '../../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../../worker/tensor/threads.ts';
import { train } from '../../../../worker/train/loop.ts';
import { aToyModel, countUp, plainAdamW, Training } from '../../../builders/toy-training.ts';
import { aSequence } from '../../../builders/training.ts';

test.before(() => setThreads(1));

test('probabilities add up to 1, follow the scores, and none is below its part of the floor', (t) => {
  // Percent, as counts of some ten thousand values are.
  const score = fc.nat({ max: 1_000_000 }).map((count) => count / 10_000);
  const scores = fc.array(score, { minLength: 1, maxLength: 64 });
  fc.assert(
    fc.property(scores, fc.double({ min: 0, max: 1, noNaN: true }), (given, floor) => {
      const p = drawWeights(given, floor);
      const sum = p.reduce((a, b) => a + b, 0);
      t.true(Math.abs(sum - 1) < 1e-12);
      for (const [block, one] of p.entries()) {
        t.true(one >= floor / given.length - 1e-15);
        for (const [other, two] of p.entries()) {
          if (given[block]! > given[other]!) t.true(one >= two);
        }
      }
    }),
  );
  t.deepEqual(drawWeights([0, 0, 0, 0], 0), [0.25, 0.25, 0.25, 0.25]);
  t.deepEqual(drawWeights([2, 2], 0), [0.5, 0.5]);
  t.deepEqual(drawWeights([0, 3], 0), [0, 1]);
});

const blocks = 6;
const config = { num_hidden_layers: blocks };
const draw = { activeLayers: 2, intervalSteps: 2, state: 'Drop', seed: 3n } as const;

test('blocks are drawn as often as their scores say', (t) => {
  const model = aToyModel({ config });
  using parameters = model.parameters;
  const scores = [8, 1, 1, 1, 1, 8];
  const selection = owlore({ ...draw, scores, floor: 0 }, parameters);
  t.is(selection.name, 'OwLore');
  const found = scores.map(() => 0);
  const intervals = 4000;
  for (let interval = 0; interval < intervals; interval += 1) {
    const active = selection.at(2 * interval);
    for (const block of found.keys()) found[block]! += active(block).length > 0 ? 1 : 0;
  }
  // Of two draws: 8/20 + 8/20 * 8/12 + 4 * 1/20 * 8/19 for the outer ones; the six add up to 2.
  const outer = 0.4 + 0.4 * (8 / 12) + (4 / 20) * (8 / 19);
  const inner = (2 - 2 * outer) / 4;
  for (const [block, expected] of [outer, inner, inner, inner, inner, outer].entries()) {
    t.true(Math.abs(found[block]! / intervals - expected) < 0.03, `${block}: ${found[block]}`);
  }
});

const batches = [0, 1, 2].map((n) => [aSequence([countUp(n, 9), countUp(n + 20, 5)], n)]);

async function values(
  selection: (parameters: Parameters) => Selection,
  optimizer: ReturnType<typeof adamW>,
): Promise<readonly (readonly number[])[]> {
  using training = new Training({
    ...{ config, batches, dtype: 'float64', selection, optimizer, plan: { totalSteps: 8 } },
  });
  await train(training.parts, freshState);
  return training.model.parameters.trained().map(({ value }) => toArray(value));
}

test('a block that enters has its directions chosen at its first step, wherever the run stands, and takes them along when it leaves', async (t) => {
  const selection = (parameters: Parameters) =>
    owlore({ ...draw, activeLayers: 1, scores: [1, 1, 1, 1, 1, 1], floor: 0 }, parameters);
  const optimizer = galore(
    { rank: 2, scale: 1, weightDecay: 0, masterWeights: 'Float32' },
    adamW({ ...plainAdamW, weightDecay: 0 }),
    exactSubspaces(1000),
  );
  using training = new Training({ config, batches, selection, optimizer, plan: { totalSteps: 9 } });
  const seen = new Set<string>();
  const emit: typeof training.parts.emit = (message) => {
    if (message.type !== 'step') return;
    const bases = [...training.states.byName].flatMap(([name, { basis }]) =>
      basis ? [{ name, basis }] : [],
    );
    t.is(new Set(bases.map(({ name }) => name.split('.')[2])).size, 1);
    for (const { name, basis } of bases) {
      seen.add(name.split('.')[2] ?? '');
      t.true(
        toArray(basis).some((x) => x !== 0),
        `${name} after step ${message.step}`,
      );
    }
  };
  await train({ ...training.parts, emit }, freshState);
  t.true(seen.size > 2);
});

test('with equal scores and a projection that is the identity it is LISA, to the last digits; with a subspace it is not', async (t) => {
  const settings: LisaSettings = { ...draw, sampling: 'Uniform', weights: [] };
  const plain = adamW({ ...plainAdamW, weightDecay: 0 });
  const projected = (find?: typeof topSubspace) =>
    galore(
      { rank: 1000, scale: 1, weightDecay: 0, masterWeights: 'Float32' },
      plain,
      exactSubspaces(3, find),
    );
  const equal = (parameters: Parameters) =>
    owlore({ ...draw, scores: [1, 1, 1, 1, 1, 1], floor: 0.05 }, parameters);
  const expected = await values((parameters) => lisa(settings, parameters), plain);
  const gap = (found: readonly (readonly number[])[]) =>
    Math.max(...found.flatMap((list, i) => list.map((x, j) => Math.abs(x - expected[i]![j]!))));
  const identity = await values(
    equal,
    projected((gradient, rank) => ops.eye(rank, { dtype: gradient.dtype })),
  );
  // Eight steps of rate 1e-2, whose gradients differ by what the last digits of weights of size 3
  // do to them.
  t.true(gap(identity) < 1e-10, `${gap(identity)}`);
  t.true(gap(await values(equal, projected())) > 1e-4);
});
