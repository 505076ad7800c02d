// Factors that move from inputs to weights: they change no output, they are folded into what makes
// the inputs, and what is quantized loses less with them. A branch of low rank takes what is left.
import test from 'ava';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import {
  fittedSteps,
  type IntegerGrid,
  onGrid,
} from '../../../worker/methods/weights/learned-step.ts';
import { checkLogits } from '../../../worker/publish/reload-check.ts';
import { BlockTransforms } from '../../../worker/quantize/block-transforms.ts';
import { fittedBranch, nearestBranch } from '../../../worker/quantize/low-rank-branch.ts';
import { quantizeBlocks } from '../../../worker/quantize/quantize-blocks.ts';
import {
  foldedNorm,
  largestOfHeads,
  rescaled,
  rescaledGram,
  smoothingFactors,
  spreadToHeads,
} from '../../../worker/quantize/rescale.ts';
import { searchedFactors } from '../../../worker/quantize/smoothing.ts';
import {
  branchMatrix,
  columnWeights,
  relativeLoss,
  tried,
} from '../../../worker/quantize/trial.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { aSequence } from '../../builders/training.ts';
import { bytesByThreads } from '../kernels/compare.ts';

const size = 256;
const tokens = 512;

function draw(name: string, shape: readonly number[], dtype: 'float32' | 'float64' = 'float32') {
  return normal(shape, 1, streamOf(3, 'rescale.test', name), dtype);
}

/** Three channels of the inputs are far larger than the others. */
function someInputs(name = 'x', dtype: 'float32' | 'float64' = 'float32'): Tensor {
  return scope(() => {
    const x = draw(name, [tokens, size], dtype);
    for (const channel of [20, 100, 201]) ops.mulScalar_(ops.narrow(x, 1, channel, 1), 40);
    return x;
  });
}

const largestOf = (x: Tensor): Tensor => ops.amax(ops.abs(x), [0]);
const gapOf = (a: Tensor, b: Tensor): number => item(ops.amax(ops.abs(ops.sub(a, b))));

/** Four bits for groups of weights, and of the inputs of a token. */
const grid: IntegerGrid = { bits: 4, range: 'Symmetric', groupSize: 64 };
const quantizedInputs = (x: Tensor): Tensor => onGrid(x, fittedSteps(x, grid), grid);
const trial = { grid };
const both = { ...trial, inputs: quantizedInputs };

test('factors between inputs and weights change no output, for any exponent', (t) => {
  scope(() => {
    const [x, W] = [someInputs('x', 'float64'), draw('w', [96, size], 'float64')];
    const exact = ops.linear(x, W);
    const gram = ops.mm(ops.t(x), x);
    for (const alpha of [0, 0.3, 0.5, 1]) {
      const columns = smoothingFactors(largestOf(x), largestOf(W), alpha);
      const y = ops.linear(ops.div(x, columns), rescaled(W, { columns, rows: null }));
      t.true(gapOf(y, exact) <= 1e-10 * item(ops.amax(ops.abs(exact))), `${alpha}`);
      const mean = item(ops.mean(ops.log(columns)));
      t.true(Math.abs(mean) < 1e-12, `${mean}`);
      const divided = ops.div(x, columns);
      const own = ops.mm(ops.t(divided), divided);
      t.true(gapOf(rescaledGram(gram, columns), own) <= 1e-10 * item(ops.amax(own)));
    }
    // Channels that are never used, and columns of zeros, are left.
    const silent = ops.clone(largestOf(x));
    ops.zero_(ops.narrow(silent, 0, 5, 2));
    const left = toArray(smoothingFactors(silent, largestOf(W), 0.5));
    t.deepEqual([...left.slice(5, 7)], [1, 1]);
  });
});

test('a norm is divided in its own type, and what that is off by is in the factors', (t) => {
  scope(() => {
    for (const offset of [0, 1] as const) {
      const norm = ops.to(draw(`norm ${offset}`, [size]), 'bfloat16');
      ops.fill_(ops.narrow(norm, 0, 9, 1), -offset);
      const wanted = ops.exp(draw('factors', [size]));
      const { norm: divided, factors } = foldedNorm(norm, wanted, offset);
      t.is(divided.dtype, 'bfloat16');
      const gain = (one: Tensor) => ops.addScalar(ops.to(one, 'float64'), offset);
      const again = ops.mul(gain(divided), ops.to(factors, 'float64'));
      t.true(gapOf(again, gain(norm)) <= 1e-6 * item(ops.amax(ops.abs(gain(norm)))));
      const near = ops.div(factors, wanted);
      t.true(offset === 1 || gapOf(ops.narrow(near, 0, 10, 90), ops.ones([90])) < 2 ** -7);
      // A gain of zero stays one.
      t.is(toArray(gain(divided))[9], 0);
    }
  });
});

test('channels of heads that read one v share its factor', (t) => {
  const heads = { NH: 6, NK: 2, D: 4 };
  scope(() => {
    const channels = ops.exp(draw('channels', [24]));
    const own = largestOfHeads(channels, heads);
    const spread = spreadToHeads(own, heads);
    t.is(item(ops.all(ops.geScalar(ops.sub(spread, channels), 0))), 1);
    const [all, shared] = [toArray(spread), toArray(own)];
    for (let head = 0; head < 6; head += 1)
      for (let d = 0; d < 4; d += 1) t.is(all[head * 4 + d], shared[Math.floor(head / 3) * 4 + d]);
  });
});

test('RepQuant: codes of channels with scales of their own are those of one scale for all', (t) => {
  scope(() => {
    const x = someInputs('x', 'float64');
    const scales = ops.divScalar(largestOf(x), 7);
    const factors = smoothingFactors(largestOf(x), ops.ones([size], { dtype: 'float64' }), 1);
    const one = ops.div(scales, factors);
    t.true(gapOf(one, ops.mean(one)) < 1e-12 * item(ops.mean(one)), 'one scale for all channels');
    const own = ops.div(x, scales);
    const shared = ops.div(ops.div(x, factors), ops.mean(one));
    // Where both sides of a rounding are as near as float64 tells, either is right.
    const isClear = ops.gtScalar(ops.abs(ops.subScalar(ops.sub(own, ops.floor(own)), 0.5)), 1e-9);
    const unlike = (codes: Tensor) =>
      item(ops.mean(ops.to(ops.mul(ops.ne(codes, ops.round(own)), isClear), 'float64')));
    t.is(unlike(ops.round(shared)), 0);
    t.true(unlike(ops.round(ops.div(x, ops.mean(scales)))) > 0.1);
    const alike = smoothingFactors(ops.ones([size]), ops.ones([size]), 1);
    t.is(gapOf(alike, ops.onesLike(alike)), 0);
  });
});

/** Of 4-bit products on inputs that nothing was chosen by. */
function lossesOf(W: Tensor) {
  const [x, unseen] = [someInputs(), someInputs('unseen')];
  const measured = { weights: [W], x, largest: largestOf(x) };
  const { factors, alpha } = searchedFactors(measured, { ...both, rank: 0 });
  const columns = factors ?? ops.ones([size]);
  const smoothed = rescaled(W, { columns, rows: null });
  const [seenS, unseenS] = [ops.div(x, columns), ops.div(unseen, columns)];
  const y = ops.linear(unseen, W);
  const plain = (weight: Tensor, at: Tensor) =>
    Math.sqrt(relativeLoss({ x: at, y }, tried(weight, null, both), both));
  const withRank = (rank: number, iterations: number) => {
    const outputs = { x: seenS, y: ops.linear(x, W) };
    const { branch, losses } = fittedBranch(smoothed, outputs, { ...both, rank, iterations });
    const found = tried(smoothed, branch, both);
    return { loss: Math.sqrt(relativeLoss({ x: unseenS, y }, found, both)), losses };
  };
  return { alpha, naive: plain(W, unseen), smooth: plain(smoothed, unseenS), withRank };
}

test('SVDQuant: smoothing, then each higher rank, then iterations lose less of the outputs', (t) => {
  scope(() => {
    const W = draw('w', [size, size]);
    const { alpha, naive, smooth, withRank } = lossesOf(W);
    const ranks = [8, 16, 32].map((rank) => withRank(rank, 1).loss);
    const { loss, losses } = withRank(32, 5);
    t.log({ alpha, naive, smooth, ranks, loss, iterations: losses.length });
    const falling = [naive, smooth, ...ranks];
    for (const [i, each] of falling.slice(1).entries()) t.true(each < falling[i]!, `${falling}`);
    t.true(loss <= 1.01 * ranks.at(-1)!, `${loss} ${ranks}`);
    t.true(smooth < 0.6 * naive, `${smooth} ${naive}`);
    for (const [i, each] of losses.slice(1).entries()) t.true(each < losses[i]!);
  });
});

test('what is left of a branch is its discarded singular values; all ranks leave nothing', (t) => {
  scope(() => {
    const W = draw('w', [80, 64]);
    const ones = ops.ones([64]);
    const rest = ops.sub(W, branchMatrix(nearestBranch(W, ones, 16)));
    const [, S] = ops.linalgSvd(ops.to(W, 'float64'), false);
    const discarded = item(ops.sum(ops.square(ops.narrow(S, 0, 16, 48))));
    const left = item(ops.sum(ops.square(ops.to(rest, 'float64'))));
    // Values are of bfloat16, and directions of a sketch.
    t.true(left >= discarded && left < 1.1 * discarded, `${left} ${discarded}`);
    const whole = branchMatrix(nearestBranch(W, ones, 64));
    t.true(gapOf(whole, W) < 2 ** -6 * item(ops.amax(ops.abs(W))));
    // What is added to a branch is added to the model; integers stay.
    const { A, B } = nearestBranch(W, ones, 8);
    const [more, on] = [draw('a', [4, 64]), draw('b', [80, 4])];
    const sum = branchMatrix({ A: ops.cat([A, more]), B: ops.cat([B, on], 1) });
    const apart = ops.add(branchMatrix({ A, B }), branchMatrix({ A: more, B: on }));
    t.true(gapOf(sum, apart) < 1e-5);
  });
});

const hosts = [aSequence([countUp(0, 30), countUp(20, 5)]), aSequence([countUp(11, 40)])];

for (const name of ['llama', 'qwen2', 'phi3', 'gemma2']) {
  test(`${name}: a model whose places are smoothed gives the same logits`, (t) => {
    const model = aToyModel({ name });
    using parameters = model.parameters;
    // Of so few bits that factors pay in every place.
    const settings = { ...trial, smoothing: 'Search', rank: 0, iterations: 1, splits: 0 } as const;
    using transforms = new BlockTransforms({ ...settings, grid: { bits: 3, range: 'Symmetric' } });
    scope(() => {
      for (const one of parameters.all()) {
        if (!/(norm\.weight|bias)$/.test(one.name)) continue;
        const drawn = draw(one.name, one.shape);
        ops.add_(one.value, ops.mulScalar_(drawn, 0.3));
      }
      const before = checkLogits(model);
      const sequences = hosts.map((host) => toSequence(model, host));
      const weightOf = (path: string) => parameters.value(`${path}.weight`);
      const changed: string[] = [];
      const walk = quantizeBlocks(
        model,
        sequences,
        (path) => {
          const rest = keep(ops.clone(transforms.rest(path, weightOf(path))));
          if (gapOf(rest, weightOf(path)) > 0) changed.push(path);
          return () => ops.clone(rest);
        },
        null,
        {
          every: 1,
          prepare: (layer, inputs) => transforms.prepare(model, layer, inputs, weightOf),
        },
      );
      const blocks = [...walk];
      t.is(blocks.length, model.config.L);
      t.true(changed.length > linearLayers(model.config).length / 2, changed.join(' '));
      const after = checkLogits(model);
      const gap = gapOf(before, after) / item(ops.amax(ops.abs(before)));
      t.log(`${gap.toExponential(1)} of the largest logit`);
      t.true(gap < 1e-4 && gap > 0, `${gap}`);
      transforms.restore(model);
      for (const { path } of linearLayers(model.config)) parameters.unchange(`${path}.weight`);
      t.is(gapOf(before, checkLogits(model)), 0);
    });
  });
}

test('the number of threads changes no bit, and nothing is left behind', (t) => {
  scope(() => {
    const [x, W] = [keep(someInputs()), keep(draw('w', [size, size]))];
    const before = liveHandles();
    const [one, two] = bytesByThreads([1, 3], () => {
      const measured = { weights: [W], x, largest: largestOf(x) };
      const { factors } = searchedFactors(measured, { ...both, rank: 4 });
      const { A, B } = fittedBranch(
        W,
        { x, y: ops.linear(x, W) },
        { ...both, rank: 4, iterations: 3 },
      ).branch;
      return { outputs: [factors ?? ops.empty([0]), A, B], gradients: [] };
    });
    t.deepEqual(two, one);
    t.true(columnWeights(x).numel === size);
    // Twice three results and what the largest are made of; the column weights.
    t.is(liveHandles() - before, 2 * (3 + 2 + 1) + 1);
    x.dispose();
    W.dispose();
  });
});
