// The factors that adapters begin with, against the definitions of the decompositions.
import test from 'ava';
import type { LinearRole } from '../../../../crds/methods/linears.ts';
import { triangularFactors } from '../../../../worker/methods/adapters/loldu.ts';
import { loraGa } from '../../../../worker/methods/adapters/lora-ga.ts';
import { loraSb } from '../../../../worker/methods/adapters/lora-sb.ts';
import { singularFactors } from '../../../../worker/methods/adapters/lora-xs.ts';
import { nystromFactors } from '../../../../worker/methods/adapters/nlora.ts';
import { pissa } from '../../../../worker/methods/adapters/pissa.ts';
import { nf4 } from '../../../../worker/methods/weights/nf4.ts';
import { denseOf } from '../../../../worker/methods/weights/weight-store.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { fromGradient, fromWeight, toyGradients } from '../../../builders/initial-factors.ts';
import { aToyModel, toySource } from '../../../builders/toy-training.ts';
import { aSequence, gradientsOf } from '../../../builders/training.ts';

const shapes = [
  [48, 20],
  [20, 48],
  [24, 24],
] as const;

/** Singular values that fall, as those of a trained weight do. */
function weight(shape: readonly number[]): Tensor {
  const [U, S, V] = ops.linalgSvd(normal(shape, 1, streamOf(3, 'weight'), 'float64'), false);
  const fallen = ops.mul(S, ops.exp(ops.mulScalar(S, -0.3)));
  return ops.mm(ops.mul(U, fallen), V);
}

const norm = (x: Tensor): number => item(ops.linalgVectorNorm(x));

test('singular factors: A is orthonormal, and B A the best approximation of its rank, nearly', (t) => {
  for (const shape of shapes) {
    scope(() => {
      const W = weight(shape);
      const { A, B } = singularFactors(W, 5);
      const gram = ops.sub(ops.mm(A, ops.t(A)), ops.eye(5, { dtype: 'float64' }));
      t.true(norm(gram) < 1e-9, `${shape}: ${norm(gram)}`);
      const [U, S, V] = ops.linalgSvd(W, false);
      const best = ops.mm(
        ops.mul(ops.narrow(U, 1, 0, 5), ops.narrow(S, 0, 0, 5)),
        ops.narrow(V, 0, 0, 5),
      );
      const [left, least] = [norm(ops.sub(W, ops.mm(B, A))), norm(ops.sub(W, best))];
      t.true(left <= 1.02 * least, `${shape}: ${left} left, ${least} at least`);
    });
  }
});

test('triangular factors: all components give the weight again, and unused ones are zeros', (t) => {
  for (const shape of shapes) {
    scope(() => {
      const W = weight(shape);
      const { L, D, U } = triangularFactors(W, Math.min(...shape));
      const product = ops.mm(ops.mul(L, D), U);
      t.true(norm(ops.sub(product, W)) < 1e-10 * norm(W), `${shape}`);
      const part = triangularFactors(W, 7);
      t.deepEqual([part.L.shape, part.D.shape, part.U.shape], [[shape[0], 7], [7], [7, shape[1]]]);
    });
  }
  scope(() => {
    // Of rank 3: later pivots are rounding errors.
    const thin = ops.mm(
      normal([16, 3], 1, streamOf(1, 'a'), 'float64'),
      normal([3, 12], 1, streamOf(1, 'b'), 'float64'),
    );
    const { L, D, U } = triangularFactors(thin, 12);
    t.is(item(ops.sum(ops.to(ops.ne(D, ops.zerosLike(D)), 'int64'))), 3);
    t.true(norm(ops.sub(ops.mm(ops.mul(L, D), U), thin)) < 1e-10 * norm(thin));
  });
});

const model = { L: 1, NH: 1, NK: 1, D: 1, I: 1 };

/** What PiSSA takes over from a weight, at a scale of 2. */
function principal(W: Tensor, rank: number, directions: 'Exact' | 'Sketched') {
  const adapter = pissa({
    ...{ rank, alpha: 2 * rank, dropout: 0, targets: () => true, seed: 1n, dtype: 'float64' },
    directions,
  });
  const [out = 0, inputs = 0] = W.shape;
  const layer = { path: 'q_proj', layer: 0, role: 'q', out, in: inputs, model } as const;
  const found = adapter.decompose?.(layer, fromWeight(W)) ?? {};
  const part = adapter.takesOver?.(layer, (suffix) => found[suffix]!);
  if (part === undefined) throw new Error('PiSSA takes over nothing');
  const { left, right, scale } = part;
  return { left, right, scale, rest: ops.sub(W, ops.mm(left, right), { alpha: scale }) };
}

test('PiSSA takes over the best approximation of its rank, balanced between both factors', (t) => {
  for (const shape of shapes) {
    scope(() => {
      const W = weight(shape);
      const [, S] = ops.linalgSvd(W, false);
      const sizes = toArray(S);
      const { left, right, scale, rest } = principal(W, 5, 'Exact');
      t.is(scale, 2);
      // What is left has the other singular values.
      const after = toArray(ops.linalgSvd(rest, false)[1]);
      const others = [...sizes.slice(5), 0, 0, 0, 0, 0];
      for (const [i, size] of after.entries()) {
        t.true(Math.abs(size - (others[i] ?? 1)) < 1e-7 * (sizes[0] ?? 0), `${shape} ${i}`);
      }
      const expected = ops.diagonal(ops.eye(5, { dtype: 'float64' }));
      const share = ops.mul(expected, ops.divScalar(ops.narrow(S, 0, 0, 5), 2));
      for (const gram of [ops.mm(right, ops.t(right)), ops.mm(ops.t(left), left)]) {
        const gap = norm(ops.sub(gram, ops.mul(ops.eye(5, { dtype: 'float64' }), share)));
        t.true(gap < 1e-7 * (sizes[0] ?? 0), `${shape}: ${gap}`);
      }
      const sketched = principal(W, 5, 'Sketched');
      t.true(norm(sketched.rest) <= 1.02 * norm(rest), `${shape}`);
    });
  }
});

test('PiSSA: a weight is nearer to its factors and what is left in 4 bits than to itself in 4 bits', (t) => {
  scope(() => {
    const [U, , V] = ops.linalgSvd(normal([96, 64], 1, streamOf(4, 'w'), 'float32'), false);
    const falling = ops.exp(ops.mulScalar(ops.arange(0, 64, 1, { dtype: 'float32' }), -0.1));
    const W = ops.mm(ops.mul(U, falling), V);
    const { quantize } = nf4({ blockSize: 32, scales: 'Float32' });
    const inFour = (matrix: Tensor) => denseOf(quantize!(ops.contiguous(matrix)));
    const { rest } = principal(W, 16, 'Exact');
    const [whole, reduced] = [W, rest].map((matrix) => norm(ops.sub(inFour(matrix), matrix)));
    t.true((reduced ?? 1) < 0.7 * (whole ?? 0), `${reduced} of ${whole}`);
  });
});

test('NLoRA: a weight of the rank is the product of its parts, where its corner can be inverted', (t) => {
  scope(() => {
    const part = (name: string, shape: readonly number[]) =>
      normal(shape, 1, streamOf(6, name), 'float64');
    const [Q] = ops.linalgQr(part('corner', [5, 5]));
    const I = ops.eye(5, { dtype: 'float64' });
    const left = ops.cat([I, part('rows', [19, 5])], 0);
    const W = ops.mm(ops.mm(left, Q), ops.cat([I, part('columns', [5, 11])], 1));
    const { A, N, B } = nystromFactors(W, 5);
    t.true(norm(ops.sub(ops.mm(ops.mm(B, N), A), W)) < 1e-12 * norm(W));
    t.true(norm(ops.sub(A, ops.narrow(W, 0, 0, 5))) === 0);
    t.true(norm(ops.sub(B, ops.narrow(W, 1, 0, 5))) === 0);
    // Small singular values of the corner would make the product longer than the weight.
    const rough = weight([48, 20]);
    const [, sizes] = ops.linalgSvd(ops.narrow(ops.narrow(rough, 0, 0, 12), 1, 0, 12), false);
    const [, inverted] = ops.linalgSvd(nystromFactors(rough, 12).N, false);
    const used = toArray(sizes).filter((size) => size >= 0.2 * (toArray(sizes)[0] ?? 0));
    t.true(used.length < 12);
    const expected = used.map((size) => 1 / size).toReversed();
    const found = toArray(inverted);
    for (const [i, size] of expected.entries()) t.true(Math.abs((found[i] ?? 0) / size - 1) < 1e-9);
    t.true(found.slice(expected.length).every((size) => size < 1e-12 * (found[0] ?? 0)));
  });
});

const all = { targets: () => true, seed: 1n, dtype: 'float64', directions: 'Exact' } as const;
const ga = loraGa({ ...all, rank: 4, alpha: 12, dropout: 0, gamma: 16 });
const layerOf = ([out = 0, inputs = 0]: readonly number[]) => {
  return { path: 'q_proj', layer: 0, role: 'q', out, in: inputs, model } as const;
};

/** The best approximation of its rank. */
function best(G: Tensor, rank: number): Tensor {
  const [U, S, V] = ops.linalgSvd(G, false);
  const first = (x: Tensor, dim: number) => ops.narrow(x, dim, 0, rank);
  return ops.mm(ops.mul(first(U, 1), first(S, 0)), first(V, 0));
}

test('LoRA-GA: a first step of A and B goes where the gradient is largest, by twice the rank', (t) => {
  for (const shape of shapes) {
    scope(() => {
      const G = weight(shape);
      const found = ga.decompose!(layerOf(shape), fromGradient(G));
      const [A, B] = [found['lora_A.weight']!, found['lora_B.weight']!];
      const square = Math.sqrt(shape[0]) / 16;
      const expected = ops.mulScalar(best(G, 8), square);
      const ofB = ops.mm(ops.mm(B, ops.t(B)), G);
      const both = ops.add(ofB, ops.mm(ops.mm(G, ops.t(A)), A));
      t.true(norm(ops.sub(both, expected)) < 1e-7 * norm(expected), `${shape}`);
      // One step of gradient descent at a small rate moves A by -rate s B^T G, B by -rate s G A^T.
      const rate = 1e-5;
      const moved = {
        A: ops.sub(A, ops.mm(ops.t(B), G), { alpha: 3 * rate }),
        B: ops.sub(B, ops.mm(G, ops.t(A)), { alpha: 3 * rate }),
      };
      const change = ops.mulScalar(ops.sub(ops.mm(moved.B, moved.A), ops.mm(B, A)), 3);
      const cosine = item(ops.sum(ops.mul(change, expected))) / (norm(change) * norm(expected));
      t.true(cosine < -0.999, `${shape}: ${cosine}`);
    });
  }
});

test('a layer without a gradient begins as LoRA, or where it is', (t) => {
  scope(() => {
    const G = ops.zeros([12, 9], { dtype: 'float64' });
    const layer = layerOf(G.shape);
    const plain = ga.decompose!(layer, fromGradient(G));
    t.is(norm(plain['lora_B.weight']!), 0);
    t.true(norm(plain['lora_A.weight']!) > 0);
    const sb = loraSb({ ...all, rank: 5 }).decompose!(layer, fromGradient(G));
    t.is(norm(sb['lora_R.weight']!), 0);
    for (const [suffix, dim] of [
      ['lora_A.weight', 0],
      ['lora_B.weight', 1],
    ] as const) {
      const rows = dim === 0 ? sb[suffix]! : ops.t(sb[suffix]!);
      const gram = ops.mm(rows, ops.t(rows));
      t.true(norm(ops.sub(gram, ops.eye(5, { dtype: 'float64' }))) < 1e-12, suffix);
    }
  });
});

test('LoRA-SB begins with the best approximation of a step by the signs of the gradient', (t) => {
  for (const shape of shapes) {
    scope(() => {
      const G = weight(shape);
      const found = loraSb({ ...all, rank: 6 }).decompose!(layerOf(shape), fromGradient(G, 0.01));
      const [A, B, R] = [found['lora_A.weight']!, found['lora_B.weight']!, found['lora_R.weight']!];
      const I = ops.eye(6, { dtype: 'float64' });
      t.true(norm(ops.sub(ops.mm(A, ops.t(A)), I)) < 1e-7);
      t.true(norm(ops.sub(ops.mm(ops.t(B), B), I)) < 1e-7);
      const expected = best(ops.mulScalar(ops.sign(G), -0.01), 6);
      const gap = norm(ops.sub(ops.mm(ops.mm(B, R), A), expected));
      t.true(gap < 1e-6 * norm(expected), `${shape}: ${gap}`);
    });
  }
});

test('first gradients are those of full fine-tuning, of the chosen layers', (t) => {
  const source = toySource({});
  const names = ['model.layers.0.self_attn.k_proj', 'model.layers.2.mlp.down_proj'];
  const model = aToyModel({ dtype: 'float64' });
  using _parameters = model.parameters;
  const ids = Array.from({ length: 12 }, (_, i) => (7 * i) % 40);
  const { gradients } = gradientsOf(model, [aSequence([ids])]);
  const layers = names.map((path) => {
    const [out = 0, inputs = 0] = model.parameters.get(`${path}.weight`).shape;
    const role: LinearRole = path.includes('k_proj') ? 'k' : 'down';
    return { path, layer: Number(path.split('.')[2]), role, out, in: inputs, model: source.config };
  });
  const seen: string[] = [];
  toyGradients(source, layers, 'float64', ({ path }, gradient) => {
    seen.push(path);
    const expected = gradients.get(`${path}.weight`) ?? [];
    const most = Math.max(...expected.map(Math.abs));
    const gap = Math.max(...toArray(gradient).map((x, i) => Math.abs(x - (expected[i] ?? 9))));
    t.true(gap < 1e-12 * most, `${path}: ${gap}`);
  });
  t.deepEqual(seen.toSorted(), names);
});
