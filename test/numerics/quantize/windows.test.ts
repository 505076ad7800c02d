// Windows of blocks whose steps train: what the start is, what a window of one block is, and that
// outputs come nearer to those of the trained model.
import test from 'ava';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { BlockWalk } from '../../../worker/engine/block-walk.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { type PackedSequence, toSequence } from '../../../worker/engine/packed-sequence.ts';
import { codeRange, codes, fittedSteps } from '../../../worker/methods/weights/learned-step.ts';
import { cosine } from '../../../worker/quantize/adaquant.ts';
import {
  type CodedMatrix,
  codedValues,
  nearestMatrix,
  type RoundingSettings,
} from '../../../worker/quantize/quantize-matrix.ts';
import { streamGap } from '../../../worker/quantize/stream-gap.ts';
import { TrainedMatrix } from '../../../worker/quantize/trained-matrix.ts';
import { gapOf, gradientsOf } from '../../../worker/quantize/window-pass.ts';
import { trainWindows, type WindowSettings } from '../../../worker/quantize/windows.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { aToyModel, countUp } from '../../builders/toy-training.ts';
import { aSequence } from '../../builders/training.ts';
import { bytesByThreads, distance } from '../kernels/compare.ts';

const grid = { bits: 2, range: 'Asymmetric' } as const;
const nearest: RoundingSettings = { grid, steps: 'Extremes', rounding: 'Nearest', refits: 0 };
const hosts = Array.from({ length: 6 }, (_, i) =>
  aSequence([countUp(7 * i, 20), countUp(3 * i, 9)]),
);

function theModel(): Model {
  return aToyModel({ name: 'llama', config: { num_hidden_layers: 4 } });
}

function onDevice(model: Model): readonly PackedSequence[] {
  return hosts.map((host) => toSequence(model, host));
}

type Found = ReadonlyMap<string, CodedMatrix>;

/** Leaves the model with what was found in place of its matrices. */
function trained(model: Model, settings: WindowSettings, own = nearest): Found {
  const found = new Map<string, CodedMatrix>();
  const windows = trainWindows(
    {
      ...{ model, sequences: onDevice(model), layers: linearLayers(model.config) },
      weightOf: ({ path }) => ops.clone(model.parameters.value(`${path}.weight`)),
      rounding: () => own,
      take(path, { codes: code, steps: { scale, zero } }) {
        const kept = { scale: keep(scale), zero: zero && keep(zero) };
        found.set(path, { codes: keep(code), steps: kept });
        return () => codedValues(found.get(path)!, own.grid);
      },
    },
    settings,
  );
  for (const _ of windows);
  return found;
}

function endOf(model: Model): readonly Tensor[] {
  using walk = new BlockWalk(model, onDevice(model));
  return walk.finish().map((stream) => ops.clone(stream));
}

/** How far the streams behind the last block are from those of the trained model. */
function gapAfter(settings: WindowSettings, own = nearest): number {
  const model = theModel();
  using _parameters = model.parameters;
  return scope(() => {
    const exact = endOf(model);
    trained(model, settings, own);
    const all = endOf(model);
    return all.reduce((sum, stream, a) => sum + streamGap(stream, exact[a]!), 0);
  });
}

test('without updates each matrix is rounded to nearest, to the bit', (t) => {
  const model = theModel();
  using parameters = model.parameters;
  scope(() => {
    const found = trained(model, { window: 3, overlap: 1, iterations: 0 });
    t.is(found.size, 7 * 4);
    for (const [path, { codes: own, steps }] of found) {
      const weight = parameters.value(`${path}.weight`);
      const start = fittedSteps(weight, grid);
      t.is(distance(steps.scale, start.scale), 0);
      t.deepEqual(
        toArray(own),
        toArray(ops.addScalar(codes(weight, start, grid), -codeRange(grid)[0])),
      );
    }
  });
});

test('a window of one block is reconstruction block by block, to the bit', (t) => {
  const settings = { window: 1, overlap: 0, iterations: 12 };
  const [one, other] = [theModel(), theModel()];
  using _one = one.parameters;
  using _other = other.parameters;
  scope(() => {
    const found = trained(one, settings);
    const byHand = blockByBlock(other, settings.iterations);
    t.deepEqual([...found.keys()], [...byHand.keys()]);
    for (const [path, { codes: own, steps }] of found) {
      t.deepEqual(toArray(own), toArray(byHand.get(path)!.codes), path);
      t.is(distance(steps.scale, byHand.get(path)!.steps.scale), 0);
    }
  });
});

/** With the last sequence kept aside, and looked at behind the tenth update and the last. */
function blockByBlock(model: Model, iterations: number): Found {
  const sequences = onDevice(model);
  const found = new Map<string, CodedMatrix>();
  using walk = new BlockWalk(model, sequences);
  using exact = new BlockWalk(model, sequences);
  for (let first = 0; first < model.config.L; first += 1) {
    exact.advance();
    const paths = linearLayers(model.config)
      .map(({ path }) => path)
      .filter((path) => path.includes(`.layers.${first}.`));
    const matrices = paths.map((path) => {
      const weight = model.parameters.value(`${path}.weight`);
      const rates = { scale: 0.01, zero: 0.02, weight: 0 };
      const matrix = new TrainedMatrix(weight, fittedSteps(weight, grid), grid, rates);
      model.parameters.change(`${path}.weight`, () => matrix.values());
      return matrix;
    });
    const window = { model, sequences, walk, exact, first, end: first + 1 };
    let least = gapOf(window, [5]);
    for (let at = 1; at <= iterations; at += 1) {
      const drawn = [0, 1].map((j) => (2 * (at - 1) + j) % 5);
      const gradients = gradientsOf(
        window,
        drawn,
        paths.map((path) => `${path}.weight`),
      );
      for (const [i, matrix] of matrices.entries()) {
        matrix.update(gradients[i]!, at, cosine(at, iterations));
      }
      if (at !== 10 && at !== 12) continue;
      const gap = gapOf(window, [5]);
      if (gap < least) for (const matrix of matrices) matrix.mark();
      least = Math.min(least, gap);
    }
    for (const [i, path] of paths.entries()) {
      const { weight, steps } = matrices[i]!.best();
      const own = nearestMatrix(weight, steps, grid);
      found.set(path, own);
      model.parameters.change(`${path}.weight`, () => codedValues(own, grid));
      matrices[i]![Symbol.dispose]();
    }
    walk.advance();
  }
  return found;
}

test('trained steps lose less than rounding, and windows no more than single blocks', (t) => {
  const iterations = 60;
  const rounded = gapAfter({ window: 1, overlap: 0, iterations: 0 });
  const blocks = gapAfter({ window: 1, overlap: 0, iterations });
  const windows = gapAfter({ window: 2, overlap: 1, iterations });
  const whole = gapAfter({ window: 9, overlap: 0, iterations });
  t.log({ rounded, blocks, windows, whole });
  t.true(blocks < 0.75 ** 2 * rounded, `${blocks / rounded}`);
  t.true(windows <= blocks, `${windows / blocks}`);
});

test('the number of threads changes no bit of a window, and nothing is left behind', (t) => {
  const model = theModel();
  using parameters = model.parameters;
  scope(() => {
    const settings = { window: 2, overlap: 1, iterations: 11 };
    const own = { ...nearest, steps: 'ClipSearch', refits: 1 } as const;
    const results = bytesByThreads([1, 3], () => {
      const before = liveHandles();
      const found = [...scope(() => trained(model, settings, own)).values()];
      for (const { path } of linearLayers(model.config)) parameters.unchange(`${path}.weight`);
      parameters.disposeMade();
      t.is(liveHandles() - before, 3 * found.length);
      const outputs = found.flatMap(({ codes: code, steps }) => [code, steps.scale, steps.zero!]);
      return { outputs, gradients: [] };
    });
    t.deepEqual(results[1], results[0]);
  });
});
