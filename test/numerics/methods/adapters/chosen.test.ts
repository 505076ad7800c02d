// Adapters that change chosen columns and rows: what is chosen, and that nothing else changes.
import test from 'ava';
import type { FineTuneJobSpec } from '../../../../crds/api/job.ts';
import { resolveMethod } from '../../../../crds/methods/resolve.ts';
import { hiddenStates } from '../../../../worker/engine/forward.ts';
import { type Model, tensorsOf } from '../../../../worker/engine/model.ts';
import {
  branchOf,
  type Delta,
  denseChange,
  factorOf,
  fromFactors,
} from '../../../../worker/methods/adapters/delta.ts';
import { adapterOf } from '../../../../worker/methods/adapters/index.ts';
import { grad, leaf, withTape } from '../../../../worker/tensor/autograd.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { choose, streamOf } from '../../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { denseChangeOf } from '../../../builders/dense-change.ts';
import { aToyModel, countUp } from '../../../builders/toy-training.ts';

type Written = FineTuneJobSpec['method'];

function adapted(adapter: object, seed = 5n, name = 'llama'): Model {
  const method = resolveMethod({ adapter } as Written);
  return aToyModel({ dtype: 'float64', adapter: adapterOf(method, seed, 'float64'), name });
}

const s2ft = (ratios: Readonly<Record<string, string>>) => ({ type: 'S2FT', s2ft: ratios });
const paca = (rank: number) => ({ type: 'PaCA', paca: { rank } });

/** Indices by module path. */
function chosenOf({ parameters }: Model): ReadonlyMap<string, readonly number[]> {
  const kept = parameters.all().filter(({ name }) => /_index$/.test(name));
  return new Map(
    kept.map(({ name, value }) => [name.slice(0, name.lastIndexOf('.')), toArray(value)]),
  );
}

function hidden(model: Model): readonly number[] {
  return scope(() => toArray(hiddenStates(model, Int32Array.from(countUp(1, 9)))));
}

const gap = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? Number.NaN))));

test('numbers are chosen once each, and fewer of them are the first of more', (t) => {
  const all = choose(50, 50, streamOf(1, 'all'));
  t.deepEqual(
    all.toSorted((a, b) => a - b),
    Array.from({ length: 50 }, (_, i) => i),
  );
  t.deepEqual(choose(7, 50, streamOf(1, 'all')), all.slice(0, 7));
  // Each of ten numbers is among three with the same probability: 600 of 2,000, deviation 20.
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 2000; i++) {
    for (const one of choose(3, 10, streamOf(2, 'often', i))) counts[one] = (counts[one] ?? 0) + 1;
  }
  t.true(
    counts.every((count) => Math.abs(count - 600) < 120),
    `${counts}`,
  );
});

test('PaCA draws other columns for each layer and seed, ascending, and all where there are few', (t) => {
  const [model, other] = [adapted(paca(6)), adapted(paca(6), 6n)];
  using _one = model.parameters;
  using _two = other.parameters;
  const [own, others] = [chosenOf(model), chosenOf(other)];
  const texts = [...own.values(), ...others.values()].map(String);
  t.true(new Set(texts).size > 0.9 * texts.length);
  for (const [path, columns] of own) {
    t.deepEqual(
      columns,
      [...new Set(columns)].toSorted((a, b) => a - b),
    );
    t.is(columns.length, 6);
    t.true(columns.every((column) => column >= 0 && column < (model.adapted.get(path)?.in ?? 0)));
  }
  const whole = adapted(paca(1000));
  using _whole = whole.parameters;
  for (const [path, columns] of chosenOf(whole)) {
    t.is(columns.length, whole.adapted.get(path)?.in ?? 0, path);
  }
});

test('a change in panels of rows is the change by its definition, and zero elsewhere', (t) => {
  scope(() => {
    const index = tensor([0, 3, 4, 10], [4], 'int32');
    const forms: readonly Delta[] = [
      { form: 'columns', index, value: normal([11, 4], 1, streamOf(1, 'v'), 'float64'), scale: 2 },
      { form: 'rows', index, value: normal([4, 13], 1, streamOf(2, 'v'), 'float64'), scale: 2 },
    ];
    for (const delta of forms) {
      const expected = toArray(denseChangeOf(delta, [11, 13], 'float64'));
      for (const cuts of [
        [0, 11],
        [0, 3, 4, 5, 11],
      ]) {
        const panels = cuts
          .slice(1)
          .map((behind, i) => denseChange(delta, 13, [cuts[i] ?? 0, behind], 'float64'));
        const found = toArray(ops.mulScalar(ops.cat(panels), 2));
        t.deepEqual(found, expected, delta.form);
      }
      t.is(expected.filter((x) => x !== 0).length, delta.form === 'columns' ? 44 : 52);
    }
  });
});

test('a branch beside other products is the change by its definition, with its gradients', (t) => {
  scope(() => {
    const index = tensor([0, 3, 4, 10], [4], 'int32');
    const [x, dy] = [[6, 13] as const, [6, 11] as const].map((shape, i) =>
      normal(shape, 1, streamOf(i, 'branch'), 'float64'),
    ) as [Tensor, Tensor];
    for (const form of ['columns', 'rows'] as const) {
      const shape = form === 'columns' ? [11, 4] : [4, 13];
      const value = normal(shape, 1, streamOf(1, form), 'float64');
      const delta = (of: Tensor): Delta => ({ form, index, value: of, scale: 1.5 });
      const dense = denseChangeOf(delta(value), [11, 13], 'float64');
      const [found, dx, dvalue] = withTape(() => {
        const leaves = [x, value].map(leaf) as [Tensor, Tensor];
        const y = branchOf(delta(leaves[1]), leaves[0], dy);
        return [y, ...grad([y], leaves, [dy])];
      });
      const G = ops.mulScalar(ops.mm(ops.t(dy), x), 1.5);
      const near = (a: Tensor | null | undefined, b: Tensor) =>
        t.true(a !== null && a !== undefined && gap(toArray(a), toArray(b)) < 1e-12, form);
      near(found, ops.mm(x, ops.t(dense)));
      near(dx, ops.mm(dy, dense));
      near(dvalue, ops.indexSelect(G, form === 'columns' ? 1 : 0, index));
    }
  });
});

test('factors of a change are read back as the change, and as a product where they are none', (t) => {
  scope(() => {
    const index = tensor([0, 3, 4, 10], [4], 'int32');
    for (const form of ['columns', 'rows'] as const) {
      const value = normal(form === 'columns' ? [11, 4] : [4, 11], 1, streamOf(1, form), 'float32');
      const delta: Delta = { form, index, value, scale: 2 };
      const factors = { A: factorOf(delta, 'A', 11), B: factorOf(delta, 'B', 11) };
      const dense = ops.mulScalar(ops.mm(factors.B, factors.A), 2);
      t.deepEqual(toArray(dense), toArray(denseChangeOf(delta, [11, 11], 'float32')));
      const back = fromFactors(delta, factors);
      t.is(back.form, form);
      if (back.form === 'product') return;
      t.deepEqual([...toArray(back.index)], [0, 3, 4, 10]);
      t.deepEqual(toArray(back.value), toArray(value));
      const chosen = form === 'columns' ? factors.A : factors.B;
      ops.mulScalar_(chosen, 1.5);
      t.is(fromFactors(delta, factors).form, 'product');
    }
  });
});

test('S2FT draws a share of all channels and heads of the model, the same for a channel everywhere', (t) => {
  const ratios = { downRatio: '0.2', upRatio: '0.2', gateRatio: '0.1' };
  const model = adapted(s2ft({ ...ratios, outputRatio: '0.5', valueRatio: '0.5' }));
  using _parameters = model.parameters;
  const { L, I, NK, NH, D } = model.config;
  const chosen = chosenOf(model);
  const at = (layer: number, name: string) => chosen.get(`model.layers.${layer}.${name}`) ?? [];
  const layers = Array.from({ length: L }, (_, layer) => layer);
  const total = (name: string) => layers.reduce((sum, layer) => sum + at(layer, name).length, 0);
  t.is(total('mlp.down_proj'), Math.floor(0.2 * L * I));
  t.is(total('mlp.gate_proj'), Math.floor(0.1 * L * I));
  t.is(total('self_attn.v_proj'), Math.floor(0.5 * L * NK) * D);
  t.is(total('self_attn.o_proj'), Math.floor(0.5 * L * NK) * (NH / NK) * D);
  t.true(NH > NK, 'query heads share key/value heads');
  for (const layer of layers) {
    const down = at(layer, 'mlp.down_proj');
    t.deepEqual(at(layer, 'mlp.up_proj'), down);
    t.true(at(layer, 'mlp.gate_proj').every((channel) => down.includes(channel)));
  }
});

test('layers without a chosen channel have no adapter', (t) => {
  const model = adapted(s2ft({ downRatio: '0.001' }));
  using _parameters = model.parameters;
  t.is(model.adapted.size, 1);
  t.is(model.parameters.trained().length, 1);
});

/** Makes the chosen columns of the layers with this name zero. */
function silence(model: Model, name: string): number {
  let silenced = 0;
  for (const { path } of model.adapted.values()) {
    if (!path.endsWith(name)) continue;
    scope(() => {
      const index = model.parameters.value(`${path}.s2ft_index`);
      const weight = model.parameters.value(`${path}.weight`);
      const value = model.parameters.value(`${path}.s2ft_value`);
      ops.copy_(value, ops.neg(ops.indexSelect(weight, 1, index)));
    });
    silenced += 1;
  }
  return silenced;
}

/** Other values in the chosen rows. */
function stir(model: Model): void {
  for (const { path, in: inputs } of model.adapted.values()) {
    const value: Tensor = model.parameters.value(`${path}.s2ft_value`);
    const { form } = scope(() => tensorsOf(model, new Map(), null).delta(path)) ?? {};
    if (form !== 'rows' || value.shape[1] !== inputs) continue;
    scope(() => ops.copy_(value, normal(value.shape, 1, streamOf(9, path), 'float64')));
  }
}

const halves = { outputRatio: '0.5', valueRatio: '0.5' };
const parts = {
  channels: [{ downRatio: '0.3', upRatio: '0.3', gateRatio: '0.3' }, 'down_proj'],
  heads: [{ downRatio: '0', ...halves }, 'o_proj'],
} as const;

for (const name of ['llama', 'phi3']) {
  for (const [part, [ratios, reader]] of Object.entries(parts)) {
    test(`${part} of ${name}: rows feed the columns that were chosen with them, and no others`, (t) => {
      const model = adapted(s2ft(ratios), 5n, name);
      using _parameters = model.parameters;
      const before = hidden(model);
      t.true(silence(model, reader) > 0);
      const silenced = hidden(model);
      t.true(gap(silenced, before) > 1e-3, 'the columns count');
      stir(model);
      t.true(gap(hidden(model), silenced) < 1e-12);

      const heard = adapted(s2ft(ratios), 5n, name);
      using _heard = heard.parameters;
      stir(heard);
      t.true(gap(hidden(heard), before) > 1e-3, 'the rows count');
    });
  }
}
