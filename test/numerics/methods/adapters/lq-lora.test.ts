// How LQ-LoRA splits weights: the error of both parts against that of the quantized weight, and
// against an adapter that is fitted to it once.
import test from 'ava';
import { resolveMethod } from '../../../../crds/methods/resolve.ts';
import { adaptedLayers } from '../../../../worker/engine/adapted-layers.ts';
import { alone } from '../../../../worker/engine/world.ts';
import { adapterOf } from '../../../../worker/methods/adapters/index.ts';
import { quantizedSplit, weightsOf } from '../../../../worker/methods/adapters/quantized-split.ts';
import {
  type BalancedFactors,
  balancedFactors,
} from '../../../../worker/methods/adapters/singular-vectors.ts';
import { sketchedSubspace, topSubspace } from '../../../../worker/methods/optimizers/subspace.ts';
import { weightStoreOf } from '../../../../worker/methods/weights/store-of.ts';
import { denseOf } from '../../../../worker/methods/weights/weight-store.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { firstGradients } from '../../../../worker/train/first-gradients.ts';
import { SquaredGradients } from '../../../../worker/train/squared-gradients.ts';
import { fromWeight, toyModel } from '../../../builders/initial-factors.ts';
import { countUp, toySource } from '../../../builders/toy-training.ts';
import { aSequence } from '../../../builders/training.ts';
import { int4, nf4 } from '../../../methods/axis-values.ts';

const integer = (bits: 2 | 3) => ({
  ...{ type: 'Integer' as const, integer: { bits, groupSize: 32, calibrationSequences: 0 } },
});
const bases = {
  NF4: nf4,
  Int4: int4,
  Int8: { type: 'Int8' },
  Int3: integer(3),
  Int2: integer(2),
} as const;
const shapes = [
  [192, 64],
  [64, 192],
  [96, 96],
] as const;
const rank = 8;
const scale = 2;

/** A few large components above many small ones, as weights of trained models have. */
function weight(shape: readonly [number, number], seed: bigint): Tensor {
  const [out, inputs] = shape;
  const part = (size: readonly number[], of: string) => normal(size, 1, streamOf(seed, of));
  const falling = ops.exp(ops.mulScalar(ops.arange(0, 16, 1, { dtype: 'float32' }), -0.3));
  const large = ops.mm(ops.mul(part([out, 16], 'left'), falling), part([16, inputs], 'right'));
  return ops.add(part(shape, 'rest'), large);
}

function quantizedTo(base: (typeof bases)[keyof typeof bases]): (matrix: Tensor) => Tensor {
  const { quantize } = weightStoreOf(resolveMethod({ base }));
  if (quantize === null) throw new Error('a quantized base');
  return (matrix) => denseOf(quantize(matrix));
}

const norm = (x: Tensor): number => item(ops.linalgVectorNorm(x));
const without = (W: Tensor, { A, B }: BalancedFactors) =>
  ops.sub(W, ops.mm(B, A), { alpha: scale });

for (const [name, base] of Object.entries(bases)) {
  test(`${name}: errors fall, below that of the quantized weight and of an adapter fitted once`, (t) => {
    const quantized = quantizedTo(base);
    for (const [seed, shape] of shapes.entries()) {
      scope(() => {
        const W = weight(shape, BigInt(seed));
        const find = sketchedSubspace;
        const of = { rank, scale, iterations: 10, find, quantized };
        const { factors, errors } = quantizedSplit(W, of);
        t.true(errors.length > 1);
        for (const [i, error] of errors.entries()) {
          t.true(i === 0 || error < (errors[i - 1] ?? 0), `${shape}: ${errors}`);
        }
        // What is reported is what the two parts leave.
        const rest = without(W, factors);
        const left = norm(ops.sub(rest, quantized(rest)));
        t.true(Math.abs(left / (errors.at(-1) ?? 0) - 1) < 1e-3, `${left} of ${errors}`);

        const lost = ops.sub(W, quantized(W));
        const once = norm(without(lost, balancedFactors(lost, find(lost, rank), scale)));
        t.true(left <= 0.85 * norm(lost), `${shape}: ${left} of ${norm(lost)}`);
        t.true(left < once, `${shape}: ${left} of ${once}`);
      });
    }
  });
}

test('one iteration takes over what PiSSA does, and all components leave nothing', (t) => {
  const quantized = quantizedTo(nf4);
  for (const shape of shapes) {
    scope(() => {
      const W = weight(shape, 3n);
      const of = { scale, find: topSubspace, quantized };
      const { factors } = quantizedSplit(W, { ...of, rank, iterations: 1 });
      const principal = balancedFactors(W, topSubspace(W, rank), scale);
      t.deepEqual(toArray(factors.A), toArray(principal.A));
      t.deepEqual(toArray(factors.B), toArray(principal.B));
      const all = quantizedSplit(W, { ...of, rank: Math.min(...shape), iterations: 5 });
      t.true((all.errors[0] ?? 1) < 1e-5 * norm(W), `${shape}: ${all.errors}`);
    });
  }
});

test('a job splits weights by the form in which its base is stored', (t) => {
  const [out, inputs] = shapes[0];
  const model = { L: 1, NH: 1, NK: 1, D: 1, I: 1 };
  const layer = { path: 'q_proj', layer: 0, role: 'q', out, in: inputs, model } as const;
  scope(() => {
    const W = weight(shapes[0], 5n);
    const taken = Object.values(bases).map((base) => {
      const method = { base, adapter: { type: 'LQLoRA' } } as const;
      const adapter = adapterOf(resolveMethod(method), 1n, 'float32');
      const found = adapter?.decompose?.(layer, fromWeight(W)) ?? {};
      const part = adapter?.takesOver?.(layer, (suffix) => found[suffix] as Tensor);
      if (part === undefined) throw new Error('it takes over nothing');
      t.is(part.scale, 1);
      const rest = ops.sub(W, ops.mm(part.left, part.right));
      return Object.values(bases).map((one) => norm(ops.sub(rest, quantizedTo(one)(rest))));
    });
    for (const [i, errors] of taken.entries()) {
      const of = (form: number) => taken[form]?.[i] ?? 0;
      t.true(
        Object.keys(bases).every((_, form) => of(form) >= (errors[i] ?? 1)),
        `${taken}`,
      );
    }
  });
});

/** Rows and columns of which a few matter far more than the others. */
function importance([out, inputs]: readonly [number, number], seed: bigint) {
  const uneven = (size: number, of: string) =>
    ops.exp(normal([size], 2, streamOf(seed, of), 'float32'));
  return { rows: uneven(out, 'rows'), columns: uneven(inputs, 'columns') };
}

test('weights of rows and columns make the weighted error smaller', (t) => {
  const quantized = quantizedTo(nf4);
  for (const [seed, shape] of shapes.entries()) {
    scope(() => {
      const W = weight(shape, BigInt(seed));
      const weights = weightsOf(importance(shape, BigInt(seed)), 'float32');
      const of = { rank, scale, iterations: 10, find: topSubspace, quantized };
      const errorOf = ({ factors }: ReturnType<typeof quantizedSplit>) => {
        const rest = without(W, factors);
        const lost = ops.sub(rest, quantized(rest));
        return norm(ops.mul(ops.mul(lost, weights.rows), weights.columns));
      };
      const [own, same] = [quantizedSplit(W, { ...of, weights }), quantizedSplit(W, of)];
      t.true(errorOf(own) < 0.8 * errorOf(same), `${errorOf(own)} of ${errorOf(same)}`);
      t.true(Math.abs(errorOf(own) / (own.errors.at(-1) ?? 0) - 1) < 1e-3);
    });
  }
});

test('equal weights change nothing, and a row without any is not divided by zero', (t) => {
  const [shape] = shapes;
  scope(() => {
    const W = weight(shape, 1n);
    const of = { rank, scale, iterations: 4, find: topSubspace, quantized: quantizedTo(nf4) };
    const [out, inputs] = shape;
    const vectors = (value: number) => ({
      rows: ops.full([out], value, { dtype: 'float32' }),
      columns: ops.full([inputs], value, { dtype: 'float32' }),
    });
    const plain = quantizedSplit(W, of);
    for (const value of [0, 4e-12]) {
      const { factors } = quantizedSplit(W, {
        ...of,
        weights: weightsOf(vectors(value), 'float32'),
      });
      t.deepEqual(toArray(factors.A), toArray(plain.factors.A), `${value}`);
      t.deepEqual(toArray(factors.B), toArray(plain.factors.B), `${value}`);
    }
    const uneven = vectors(1);
    ops.zero_(ops.narrow(uneven.rows, 0, 0, 3));
    const { factors } = quantizedSplit(W, { ...of, weights: weightsOf(uneven, 'float32') });
    t.true([...toArray(factors.A), ...toArray(factors.B)].every(Number.isFinite));
  });
});

test('what rows and columns weigh is measured by squared gradients of each batch', (t) => {
  const method = { base: { type: 'Int8' }, adapter: { type: 'LQLoRA' } } as const;
  const source = toySource({});
  const layers = adaptedLayers(source.config, adapterOf(resolveMethod(method), 1n, 'float32')!);
  const batchAt = (position: number) => ({
    ...{ sequences: [aSequence([countUp(position, 12)])], targetTokens: 11 },
    ...{ tokens: 12, epoch: 0 },
  });
  const model = toyModel(source, 'float32');
  using squared = new SquaredGradients({ ...model, batchAt, world: alone }, layers);
  for (const position of [0, 1]) squared.add(position);
  squared.finish();
  const expected = new Map<string, number[]>();
  for (const position of [0, 1]) {
    firstGradients({ ...model, batch: () => batchAt(position) }, layers, ({ path }, G) => {
      const squares = toArray(ops.mul(G, G));
      const sum = expected.get(path) ?? squares.map(() => 0);
      expected.set(
        path,
        squares.map((square, i) => square + (sum[i] ?? 0)),
      );
    });
  }
  t.is(expected.size, layers.length);
  for (const layer of layers) {
    const squares = expected.get(layer.path) ?? [];
    const total = (among: (i: number) => boolean) =>
      squares.reduce((sum, square, i) => (among(i) ? sum + square : sum), 0);
    scope(() => {
      const { rows, columns } = squared.of(layer);
      for (const [i, row] of toArray(rows).entries()) {
        const sum = total((at) => Math.floor(at / layer.in) === i);
        t.true(Math.abs(row - sum) <= 1e-5 * sum, `${layer.path} row ${i}`);
      }
      for (const [i, column] of toArray(columns).entries()) {
        const sum = total((at) => at % layer.in === i);
        t.true(Math.abs(column - sum) <= 1e-5 * sum, `${layer.path} column ${i}`);
      }
    });
  }
});
