// DiffoRA: what the search computes, against dense gradients of a model whose files have the change
// in them, and which layers it chooses.
import { tmpdir } from 'node:os';
import test from 'ava';
import fc from 'fast-check';
import { adapterShape } from '../../../../crds/methods/adapter-traits.ts';
import { linearsOf, namedLinears } from '../../../../crds/methods/linears.ts';
import { resolveMethod } from '../../../../crds/methods/resolve.ts';
import type { TapeMode } from '../../../../crds/plan/memory-question.ts';
import { adaptedLayers } from '../../../../worker/engine/adapted-layers.ts';
import type { ModelSource } from '../../../../worker/engine/build-model.ts';
import type { HostSequence } from '../../../../worker/engine/packed-sequence.ts';
import { alone } from '../../../../worker/engine/world.ts';
import { factorA, type LinearLayer } from '../../../../worker/methods/adapters/adapter.ts';
import { diffora, gateRate, searchRate } from '../../../../worker/methods/adapters/diffora.ts';
import {
  chosenLayers,
  movedGates,
  openGates,
} from '../../../../worker/methods/adapters/module-gates.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { keep, scope } from '../../../../worker/tensor/scope.ts';
import { item, type Tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { DenseGradients, type DenseModel } from '../../../../worker/train/first-gradients.ts';
import { SearchedModules } from '../../../../worker/train/module-search.ts';
import { smol135 } from '../../../builders/facts.ts';
import { aToyModel, countUp, toySource } from '../../../builders/toy-training.ts';
import { aSequence } from '../../../builders/training.ts';

const targets = (...names: readonly string[]) => {
  return (path: string) => names.length === 0 || names.some((name) => path.endsWith(name));
};

function aDiffora(named: (path: string) => boolean = targets()) {
  return diffora({
    ...{ rank: 3, alpha: 6, dropout: 0, chosenShare: 0.5, searchSteps: 2 },
    ...{ targets: named, seed: 7n, dtype: 'float64' },
  });
}

const batches = [[countUp(0, 14), countUp(5, 9)], [countUp(20, 13)], [countUp(3, 11)]].map(
  (documents) => aSequence(documents),
);

function batchOf(sequence: HostSequence) {
  const targetTokens = sequence.labels.filter((label) => label >= 0).length;
  return { sequences: [sequence], targetTokens, tokens: sequence.labels.length, epoch: 0 };
}

const batchAt = (position: number) => batchOf(batches[position % batches.length] as HostSequence);

function dense(source: ModelSource): DenseModel {
  return {
    ...{ source, device: 'cpu', group: null, folder: tmpdir() },
    options: { dtype: 'float64', adapter: null, sequenceLength: 64 },
    modes: new Array<TapeMode>(source.config.L).fill('keep'),
  };
}

function searched(source: ModelSource, adapter = aDiffora(), at = batchAt): SearchedModules {
  const { search } = adapter;
  if (search === undefined) throw new Error('it searches for nothing');
  const layers = adaptedLayers(source.config, adapter);
  return new SearchedModules({ ...dense(source), search, layers, world: alone, batchAt: at });
}

/** The same model, whose files have half of the change of each layer. */
function changedSource(source: ModelSource, changes: ReadonlyMap<string, Tensor>): ModelSource {
  return {
    ...source,
    load(name, dtype) {
      const change = changes.get(name);
      const weight = source.load(name, dtype);
      return change === undefined ? weight : ops.add(weight, ops.mulScalar(change, 0.5));
    },
  };
}

function denseGradients(source: ModelSource, layers: readonly LinearLayer[], position: number) {
  const found = new Map<string, Tensor>();
  using own = new DenseGradients(dense(source), layers);
  own.of(batchAt(position), (layer, G) => void found.set(layer.path, keep(ops.clone(G))));
  return found;
}

test('gates move down the gradients of the second batch, at weights with the change in them', (t) => {
  scope(() => {
    const source = toySource({});
    const layers = adaptedLayers(source.config, aDiffora());
    using search = searched(source);
    search.step(0);
    // Gates were at a half while the second batch passed; alpha / rank is 2.
    const changes = new Map(
      layers.map((layer) => {
        const { A, B } = search.adapterOf(layer);
        return [`${layer.path}.weight`, ops.mulScalar(ops.mm(B, A), 2)] as const;
      }),
    );
    const G = denseGradients(changedSource(source, changes), layers, 1);
    const slopes = layers.map(({ path }) =>
      item(ops.sum(ops.mul(G.get(path) as Tensor, changes.get(`${path}.weight`) as Tensor))),
    );
    const expected = movedGates(openGates(layers.length), slopes, gateRate).logits;
    const gaps = search.logits.map((logit, i) => Math.abs(logit - (expected[i] ?? 0)));
    t.true(Math.max(...gaps) < 1e-9, `${Math.max(...gaps)}`);
    t.true(Math.max(...slopes.map(Math.abs)) > 1e-6);
  });
});

test('shared adapters move against the sum of the gradients of their layers for the first batch', (t) => {
  scope(() => {
    const source = toySource({});
    const layers = adaptedLayers(source.config, aDiffora());
    using search = searched(source);
    const begun = new Map(
      layers.map((layer) => [layer.path, ops.clone(search.adapterOf(layer).A)] as const),
    );
    const G = denseGradients(source, layers, 0);
    search.step(0);
    const names = new Set(layers.map(({ path }) => path.slice(path.lastIndexOf('.'))));
    for (const name of names) {
      const own = layers.filter(({ path }) => path.endsWith(name));
      const parts = own.map(({ path }) =>
        ops.mm(G.get(path) as Tensor, ops.t(begun.get(path) as Tensor)),
      );
      const sum = parts.reduce((all, one) => ops.add(all, one));
      // The first step of Adam has the size of the learning rate.
      const expected = ops.mulScalar(ops.sign(sum), -searchRate);
      const { B } = search.adapterOf(own[0] as LinearLayer);
      const wrong = toArray(ops.sub(B, expected)).filter(
        (gap) => Math.abs(gap) > searchRate / 100,
      ).length;
      // Where the gradient is near the epsilon of Adam, steps are shorter.
      t.true(wrong <= B.numel / 50, `${name}: ${wrong} of ${B.numel}`);
      for (const layer of own) t.is(search.adapterOf(layer).B, B);
    }
  });
});

test('the first batch of a step moves adapters alone, and the second gates alone', (t) => {
  const state = (at: typeof batchAt) =>
    scope(() => {
      const source = toySource({});
      using search = searched(source, aDiffora(), at);
      search.step(0);
      const [layer] = adaptedLayers(source.config, aDiffora());
      const { B } = search.adapterOf(layer as LinearLayer);
      return { adapter: toBytes(B), logits: [...search.logits] };
    });
  const asked: number[] = [];
  const usual = state((position) => {
    asked.push(position);
    return batchAt(position);
  });
  t.deepEqual(asked, [0, 1]);
  const otherSecond = state((position) => batchAt(position === 1 ? 2 : position));
  t.deepEqual(otherSecond.adapter, usual.adapter);
  t.notDeepEqual(otherSecond.logits, usual.logits);
  const otherFirst = state((position) => batchAt(position === 0 ? 2 : position));
  t.notDeepEqual(otherFirst.adapter, usual.adapter);
});

test('the layers that the loss depends on are chosen', (t) => {
  scope(() => {
    const source = toySource({});
    // Nothing that v_proj of block 1 and up_proj of block 2 compute gets further.
    const cut = ['model.layers.1.self_attn.o_proj.weight', 'model.layers.2.mlp.down_proj.weight'];
    const broken: ModelSource = {
      ...source,
      load(name, dtype) {
        const weight = source.load(name, dtype);
        return cut.includes(name) ? ops.zerosLike(weight) : weight;
      },
    };
    const named = targets('v_proj', 'o_proj', 'up_proj', 'down_proj');
    const layers = adaptedLayers(source.config, aDiffora(named));
    // The same documents in both batches: what helps one helps the other.
    using search = searched(broken, aDiffora(named), () => batchAt(0));
    search.step(0);
    const logitOf = (path: string) =>
      search.logits[layers.findIndex((layer) => layer.path === path)] ?? Number.NaN;
    t.log(layers.map(({ path }, i) => `${path} ${search.logits[i]?.toFixed(3)}`).join('\n'));
    const dead = ['model.layers.1.self_attn.v_proj', 'model.layers.2.mlp.up_proj'];
    t.true(logitOf('model.layers.1.self_attn.o_proj') > logitOf(dead[0] ?? ''));
    t.true(logitOf('model.layers.2.mlp.down_proj') > logitOf(dead[1] ?? ''));
    const chosen = layers.filter((_, i) => (search.ranks()[i] ?? 0) > 0);
    for (const block of [0, 1, 2]) t.is(chosen.filter(({ layer }) => layer === block).length, 2);
  });
});

test('the plan counts the most that chosen layers may have: of one size, what they have', (t) => {
  const sizes = { ...smol135, L: 3, H: 32, NH: 4, NK: 2, D: 8, I: 48 };
  const planned = (...targetModules: string[]) => {
    const diffora = { rank: 4, targetModules };
    const method = resolveMethod({ adapter: { type: 'DiffoRA', diffora } });
    const shape = adapterShape(method, sizes);
    const linears = namedLinears(linearsOf(sizes), targetModules);
    return linears.reduce((sum, linear) => sum + (shape?.count(linear).trained ?? 0), 0);
  };
  t.is(planned('gate_proj', 'up_proj'), 4 * (32 + 48));
  // The three of the MLP, and q_proj or o_proj.
  t.is(planned('AllLinear'), 4 * (3 * (32 + 48) + 2 * 32));
});

test('a model has LoRA on the chosen layers alone', (t) => {
  const model = aToyModel({ adapter: aDiffora(), dtype: 'float64' });
  const byBlock = Map.groupBy(model.adapted.values(), ({ layer }) => layer);
  t.deepEqual(
    [...byBlock.values()].map((own) => own.length),
    [4, 4, 4],
  );
  for (const path of model.adapted.keys()) t.true(model.parameters.has(`${path}.${factorA}`));
  model.parameters[Symbol.dispose]();
});

test('gates follow the sizes of their gradients, and those without one stay', (t) => {
  const gates = movedGates(openGates(3), [-3, 0, 1], 0.1);
  const [first = 0, second, third = 0] = gates.logits;
  t.is(second, 0);
  t.true(Math.abs(first / third + 3) < 1e-12);
  // One second moment: the root of the mean of squares. The slope of a sigmoid at 0 is a quarter.
  t.true(Math.abs(first - (0.1 * 3) / Math.sqrt(10 / 3)) < 1e-12);
  t.deepEqual(movedGates(openGates(2), [0, 0], 0.1).logits, [0, 0]);
});

test('each block has as many as it is to have, the largest gates, and of equal ones the first', (t) => {
  const logits = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(logits, fc.integer({ min: 1, max: 3 }), (own, count) => {
      const blocks = [0, 0, 0, 1, 1, 1];
      const chosen = chosenLayers({ ...openGates(6), logits: own }, blocks, () => count);
      for (const block of [0, 1]) {
        const places = [0, 1, 2].map((i) => 3 * block + i);
        const taken = places.filter((i) => chosen[i]);
        t.is(taken.length, count);
        for (const i of taken) {
          for (const other of places.filter((one) => !chosen[one])) {
            const [a = 0, b = 0] = [own[i], own[other]];
            t.true(a > b || (a === b && i < other));
          }
        }
      }
    }),
  );
});
