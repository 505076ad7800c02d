// EVA: directions against a singular value decomposition of the centred inputs, and how ranks
// follow from what they explain.

import test from 'ava';
import fc from 'fast-check';
import { adapterShape } from '../../../../crds/methods/adapter-traits.ts';
import { resolveMethod } from '../../../../crds/methods/resolve.ts';
import { decoderConfig } from '../../../../worker/decoder/config.ts';
import { adaptedLayers } from '../../../../worker/engine/adapted-layers.ts';
import { BlockInputs } from '../../../../worker/engine/block-inputs.ts';
import type { HostSequence } from '../../../../worker/engine/packed-sequence.ts';
import { alone, type World } from '../../../../worker/engine/world.ts';
import {
  type Calibration,
  type Components,
  factorA,
  type LinearLayer,
  type Origin,
} from '../../../../worker/methods/adapters/adapter.ts';
import { adapterOf } from '../../../../worker/methods/adapters/index.ts';
import { planRanks } from '../../../../worker/methods/adapters/rank-plan.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { InputSums } from '../../../../worker/train/input-covariance.ts';
import { plannedComponents } from '../../../../worker/train/planned-components.ts';
import { aToyModel, countUp, toySource } from '../../../builders/toy-training.ts';
import { aSequence } from '../../../builders/training.ts';
import { classSequence, encoderSource, toyExamples } from '../../../toy/encoder.ts';

const size = 24;

/** Inputs whose variances fall, around a mean that is far larger. */
function someInputs(name: string, tokens: number, mean = 30): Tensor {
  const spread = ops.exp(ops.mulScalar(ops.arange(0, size, 1, { dtype: 'float64' }), -0.2));
  const turned = ops.linalgQr(normal([size, size], 1, streamOf(3, 'turn'), 'float64'))[0];
  const x = ops.mul(normal([tokens, size], 1, streamOf(3, name), 'float64'), spread);
  return ops.addScalar(ops.mm(x, turned), mean);
}

function directionsOf(parts: readonly Tensor[], most: number, how: 'Exact' | 'Sketched') {
  using inputs = new BlockInputs((x) => new InputSums(x));
  for (const part of parts) inputs.add('q', part, null);
  const found = inputs.inputs[0]?.sums?.directions(most, how);
  if (found === undefined) throw new Error('no input');
  return found;
}

function centred(x: Tensor): Tensor {
  return ops.sub(x, ops.meanDim(x, [0], true));
}

/** Of an orthonormal set of rows. */
function explained(x: Tensor, rows: Tensor): number {
  const along = ops.mm(centred(x), ops.t(rows));
  return item(ops.sum(ops.square(along))) / item(ops.sum(ops.square(centred(x))));
}

test('directions and shares are those of the singular value decomposition of the centred inputs', (t) => {
  scope(() => {
    const parts = ['a', 'b', 'c'].map((name, i) => someInputs(name, 40 + 10 * i));
    const all = ops.cat(parts, 0);
    const [, S, V] = ops.linalgSvd(centred(all), false);
    const squares = toArray(ops.square(S));
    const total = squares.reduce((sum, each) => sum + each, 0);
    for (const how of ['Exact', 'Sketched'] as const) {
      const { rows, shares, singularValues } = directionsOf(parts, 6, how);
      const cosines = toArray(ops.diagonal(ops.abs(ops.mm(ops.narrow(V, 0, 0, 6), ops.t(rows)))));
      // The sketch iterates twice: components that are a fifth apart are near, not equal.
      const near = how === 'Exact' ? 1e-9 : 0.02;
      t.true(Math.min(...cosines) > 1 - near, `${how}: ${cosines}`);
      shares.forEach((share, i) => {
        t.true(Math.abs(share - (squares[i] ?? 0) / total) < near, `${how} ${i}: ${share}`);
        t.true(Math.abs((singularValues[i] ?? 0) ** 2 / total - share) < 1e-9);
      });
    }
  });
});

const whitening = adapterOf(
  resolveMethod({ adapter: { type: 'EVA', eva: { rank: 4, whiten: true } } }),
  ...([1n, 'float64'] as const),
);

function whitened(first: Components): Tensor {
  const layer = { path: 'q', layer: 0, out: size, in: size } as LinearLayer;
  return whitening?.decompose?.(layer, { components: () => first } as Origin)[factorA] as Tensor;
}

// PEFT (tuners/lora/eva.py, get_eva_state_dict) divides by the root of a singular value, not by
// itself: so the inputs vary along row i by its singular value, where they did by the square.
test('with whiten inputs vary along each row by its singular value, and along no two together', (t) => {
  scope(() => {
    const x = someInputs('a', 60);
    const first = directionsOf([x], 4, 'Exact');
    const along = ops.mm(centred(x), ops.t(whitened(first)));
    const expected = toArray(ops.narrow(ops.linalgSvd(centred(x), false)[1], 0, 0, 4));
    toArray(ops.mm(ops.t(along), along)).forEach((value, i) => {
      const own = i % 5 === 0 ? (expected[i / 5] ?? 0) : 0;
      t.true(Math.abs(value - own) < 1e-8, `${i}: ${value}, not ${own}`);
    });
  });
});

test('with whiten rows along which inputs do not vary stay finite', (t) => {
  scope(() => {
    const rows = ops.eye(3, { dtype: 'float64' });
    const lengths = (singularValues: readonly number[]) =>
      toArray(ops.linalgVectorNorm(whitened({ rows, singularValues }), 2, [1]));
    t.deepEqual(lengths([0, 0, 0]), [1, 1, 1]);
    const [first = 0, second = 0, third = 0] = lengths([4, 1e-12, 0]);
    t.is(first, 0.5);
    // A variance is known to 2^-23 of the largest: a length to the fourth root.
    t.true(Math.abs(second / first - 2 ** (23 / 4)) < 1e-9);
    t.is(third, second);
  });
});

test('no other orthonormal rows explain more', (t) => {
  scope(() => {
    const x = someInputs('a', 60);
    const { rows, shares } = directionsOf([x], 4, 'Exact');
    const ours = explained(x, rows);
    t.true(Math.abs(ours - shares.reduce((sum, each) => sum + each, 0)) < 1e-9);
    for (let turn = 0; turn < 100; turn += 1) {
      const [Q] = ops.linalgQr(normal([size, 4], 1, streamOf(7, 'any', turn), 'float64'));
      t.true(explained(x, ops.t(Q)) < ours);
    }
  });
});

test('sums in float32 lose nothing to a large mean, and the order of sequences changes nothing', (t) => {
  scope(() => {
    const parts = ['a', 'b', 'c'].map((name) => someInputs(name, 50, 300));
    const exact = directionsOf(parts, 5, 'Exact');
    const turned = directionsOf(parts.toReversed(), 5, 'Exact');
    const narrow = directionsOf(
      parts.map((part) => ops.to(part, 'float32')),
      5,
      'Exact',
    );
    const gap = (other: Tensor) =>
      item(ops.amax(ops.abs(ops.sub(exact.rows, ops.to(other, 'float64')))));
    t.true(gap(turned.rows) < 1e-8, `${gap(turned.rows)}`);
    // An input near 300 is rounded by 1e-5, and the smallest gap of two variances is a tenth.
    t.true(gap(narrow.rows) < 1e-3, `${gap(narrow.rows)}`);
  });
});

test('layers that read one input share its sums, and rows that are not chosen do not count', (t) => {
  scope(() => {
    using inputs = new BlockInputs((x) => new InputSums(x));
    const [x, z] = [someInputs('a', 30), someInputs('b', 30)];
    const rows = tensor(
      Array.from({ length: 25 }, (_, i) => 5 + i),
      [25],
      'int64',
    );
    for (const path of ['q', 'k', 'v']) inputs.add(path, x, rows);
    inputs.add('o', someInputs('c', 30), rows);
    for (const path of ['q', 'k', 'v']) inputs.add(path, z, rows);
    t.deepEqual(
      inputs.inputs.map(({ paths }) => paths),
      [['q', 'k', 'v'], ['o']],
    );
    const chosen = [x, z].map((each) => ops.narrow(each, 0, 5, 25));
    const expected = directionsOf(chosen, 3, 'Exact');
    const found = inputs.inputs[0]?.sums?.directions(3, 'Exact');
    t.deepEqual(toBytes(found?.rows as Tensor), toBytes(expected.rows));
  });
});

const falling = fc
  .array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 })
  .map((shares) => shares.toSorted((a, b) => b - a));

test('ranks add up to what there is, none is above its components, and equal ones go to the first', (t) => {
  fc.assert(
    fc.property(
      fc.array(falling, { minLength: 1, maxLength: 6 }),
      fc.nat(30),
      fc.nat(5),
      (scores, total, which) => {
        const ranks = planRanks(scores, total);
        const sum = ranks.reduce((all, rank) => all + rank, 0);
        t.is(sum, Math.min(total, 4 * scores.length));
        t.true(ranks.every((rank) => rank <= 4));
        // A layer that explains more in its first direction has no lower rank.
        const place = which % scores.length;
        const better = scores.map((own, i) => (i === place ? [2, ...own.slice(0, 3)] : own));
        t.true((planRanks(better, total)[place] ?? 0) >= (ranks[place] ?? 0));
      },
    ),
  );
  t.deepEqual(
    planRanks(
      [
        [0.5, 0.2],
        [0.5, 0.2],
        [0.1, 0.1],
      ],
      3,
    ),
    [2, 1, 0],
  );
});

const method = (settings: Readonly<Record<string, unknown>>) =>
  resolveMethod({ adapter: { type: 'EVA', eva: settings } });

/** What a rank of a world finds, of sequences of a toy. */
function planned(
  sequences: readonly HostSequence[],
  calibration: Partial<Calibration> = {},
  world: World = alone,
  source = toySource({}),
) {
  const adapter = adapterOf(method({ rank: 3, directions: 'Exact' }), 1n, 'float64');
  if (adapter?.calibration === undefined) throw new Error('no calibration');
  return plannedComponents({
    ...{ source, world, device: 'cpu', group: null, layout: 'slice', sequences },
    options: { dtype: 'float64', adapter: null, sequenceLength: 64 },
    calibration: { ...adapter.calibration, ...calibration },
    layers: adaptedLayers(source.config, adapter),
  });
}

const sequences = [aSequence([countUp(0, 14), countUp(5, 9)]), aSequence([countUp(20, 13)])];

test('three workers find the bits that one finds, each of a third', (t) => {
  using whole = planned(sequences);
  const given: number[][] = [];
  const ask = (rank: number, sum: World['sum']) =>
    planned(sequences, {}, { ...alone, rank, size: 3, sum });
  for (const rank of [0, 1, 2]) {
    using _ = ask(rank, (values) => {
      given.push([...values]);
      return values;
    });
  }
  const total = (given[0] ?? []).map((_, i) => given.reduce((sum, own) => sum + (own[i] ?? 0), 0));
  const found = new Map<string, Uint8Array>();
  for (const rank of [0, 1, 2]) {
    using part = ask(rank, () => total);
    t.deepEqual(part.ranks, whole.ranks);
    t.true(part.byLayer.size < whole.byLayer.size);
    for (const [{ path }, { rows }] of part.byLayer) found.set(path, toBytes(rows));
  }
  t.is(found.size, whole.byLayer.size);
  for (const [{ path }, { rows }] of whole.byLayer) t.deepEqual(found.get(path), toBytes(rows));
});

test('masked tokens are left out of the first layer, whose input is one of each token', (t) => {
  const [first, second] = [countUp(0, 14), countUp(5, 9)];
  const labels = aSequence([first, second]).labels.map((label, i) => (i < 4 ? -100 : label));
  const masked = { ...aSequence([first, second]), labels: Int32Array.from(labels) };
  const rowsOf = (found: ReturnType<typeof planned>) =>
    [...found.byLayer].find(([{ path }]) => path.endsWith('layers.0.self_attn.q_proj'))?.[1].rows;
  const both = { useLabelMask: true, maskFirstToken: true };
  using found = planned([masked], { ...both, rank: 4, most: 4 });
  // Without attention a token's input to q is the same wherever it is: of those that are left.
  const left = [...first.slice(4, 13), ...second.slice(1, 8)];
  using expected = planned([aSequence(left.map((id) => [id]))], {
    ...{ useLabelMask: false, maskFirstToken: false, rank: 4, most: 4 },
  });
  scope(() => {
    const [ours, theirs] = [rowsOf(found) as Tensor, rowsOf(expected) as Tensor];
    t.deepEqual(ours.shape, theirs.shape);
    const gap = item(ops.amax(ops.abs(ops.sub(ours, theirs))));
    t.true(gap < 1e-8, `${gap}`);
  });
  t.throws(() => planned([{ ...masked, labels: masked.labels.map(() => -100) }]), {
    message: /no token of the first 1 sequences/,
  });
});

test('of a classifier, whose labels are of documents, tokens are measured as without a mask', (t) => {
  const examples = [classSequence(toyExamples, { padding: 2 })];
  const source = encoderSource('bert');
  using found = planned(examples, {}, alone, source);
  using unmasked = planned(examples, { useLabelMask: false }, alone, source);
  t.true(found.byLayer.size > 0);
  t.deepEqual(found.ranks, unmasked.ranks);
  for (const [{ path }, { rows }] of found.byLayer) {
    const [, same] = [...unmasked.byLayer].find(([layer]) => layer.path === path) ?? [];
    t.deepEqual(toBytes(rows), same && toBytes(same.rows), path);
  }
});

test('q, k and v begin alike, up to their ranks; a layer without rank has no adapter', (t) => {
  const adapter = adapterOf(method({ rank: 3, rho: '4' }), 5n, 'float64');
  const model = aToyModel({ dtype: 'float64', adapter });
  using parameters = model.parameters;
  const ranks = [...model.adapted.keys()].map(
    (path) => parameters.value(`${path}.lora_A.weight`).shape[0] ?? 0,
  );
  t.is(
    ranks.reduce((sum, rank) => sum + rank, 0),
    3 * 7 * model.config.L,
  );
  t.true(new Set(ranks).size > 1, `${ranks}`);
  let compared = 0;
  for (let layer = 0; layer < model.config.L; layer += 1) {
    for (const names of [
      ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
      ['mlp.gate_proj', 'mlp.up_proj'],
    ]) {
      const all = names.flatMap((name) => {
        const suffix = `model.layers.${layer}.${name}.lora_A.weight`;
        return parameters.has(suffix) ? [parameters.value(suffix)] : [];
      });
      const least = Math.min(...all.map(({ shape }) => shape[0] ?? 0));
      const bytes = all.map((A) =>
        scope(() => toBytes(ops.contiguous(ops.narrow(A, 0, 0, least)))),
      );
      for (const own of bytes) t.deepEqual(own, bytes[0]);
      compared += bytes.length;
    }
  }
  t.true(compared > 0);
});

test('the plan counts equal ranks exactly, and no fewer values than unequal ones have', (t) => {
  for (const [rho, isExact] of [
    ['1', true],
    ['2', false],
    ['4', false],
  ] as const) {
    const resolved = method({ rank: 3, rho });
    const model = aToyModel({ adapter: adapterOf(resolved, 5n, 'float32') });
    using parameters = model.parameters;
    const trained = parameters.trained().reduce((sum, { value }) => sum + value.numel, 0);
    const shape = adapterShape(resolved, decoderConfig(model.config));
    const source = toySource({});
    const all = adaptedLayers(source.config, adapterOf(resolved, 5n, 'float32')!);
    const planned = all.reduce(
      (sum, { path, ...sides }) =>
        sum + (shape?.count({ ...sides, name: path.split('.').at(-1) ?? '' }).trained ?? 0),
      0,
    );
    t.true(isExact ? trained === planned : trained <= planned, `${rho}: ${trained} of ${planned}`);
  }
});
