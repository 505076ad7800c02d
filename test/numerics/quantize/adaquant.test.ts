// Layers whose weights and steps train so that outputs stay: identities, what the loss of two
// models is, and what is won over rounding on tokens that were not seen.
import test from 'ava';
import {
  fittedSteps,
  type IntegerGrid,
  onGrid,
} from '../../../worker/methods/weights/learned-step.ts';
import { aimOf, DriftSums, lossOf } from '../../../worker/quantize/drift.ts';
import {
  codedValues,
  quantizeMatrix,
  type RoundingSettings,
  trainMatrix,
} from '../../../worker/quantize/quantize-matrix.ts';
import { TrainedMatrix } from '../../../worker/quantize/trained-matrix.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { item, type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { bytesByThreads, distance } from '../kernels/compare.ts';
import { draw, gramOf, inputs, outputs, someInputs, tokens } from './some-inputs.ts';

const grid: IntegerGrid = { bits: 3, range: 'Asymmetric', groupSize: 64 };
const settings: RoundingSettings = {
  ...{ grid, steps: 'ClipSearch', rounding: 'AdaQuant', refits: 0, iterations: 60 },
};

/** Inputs of a layer behind quantized ones: near to those of the trained model, `x`. */
function drifted(x: Tensor, name: string): Tensor {
  return scope(() => ops.add(ops.mulScalar(x, 0.95), ops.mulScalar(draw(name, x.shape), 0.3)));
}

function sumsOf(x: Tensor, exact: Tensor): DriftSums {
  const sums = new DriftSums(x);
  for (let at = 0; at < tokens; at += 200) {
    const rows = (of: Tensor): Tensor => ops.narrow(of, 0, at, 200);
    sums.add(rows(x), rows(exact));
  }
  return sums;
}

/** `|| X W'^T - exact W^T ||^2` */
function squaredGap(found: Tensor, weight: Tensor, x: Tensor, exact = x): number {
  const gap = ops.sub(ops.linear(x, found), ops.linear(exact, weight));
  return scope(() => item(ops.linalgVectorNorm(gap)) ** 2);
}

test('two matrices say what a layer is off by in two models, but for a constant', (t) => {
  scope(() => {
    const weight = draw('w', [outputs, inputs]);
    const exact = someInputs();
    const x = drifted(exact, 'drift');
    using sums = sumsOf(x, exact);
    const aim = aimOf(weight, sums.whole);
    const steps = fittedSteps(weight, grid);
    const found = [onGrid(weight, steps, grid), ops.mulScalar(weight, 0.9)];
    const gaps = found.map((each) => squaredGap(each, weight, x, exact));
    const losses = found.map((each) => lossOf(ops.sub(each, weight), sums.whole.gram, aim));
    const none = squaredGap(weight, weight, x, exact);
    for (const [i, loss] of losses.entries()) {
      t.true(Math.abs(loss + none - gaps[i]!) < 1e-4 * gaps[i]!, `${loss + none} ${gaps[i]}`);
    }
  });
});

test('a matrix that does not train is rounded as it was, to the bit', (t) => {
  for (const range of ['Asymmetric', 'Symmetric'] as const) {
    scope(() => {
      const own = { ...settings, grid: { ...grid, range } };
      const weight = draw('w', [outputs, inputs]);
      const x = someInputs();
      using sums = sumsOf(x, x);
      const seen = { trained: sums.whole, held: sums.whole };
      const start = quantizeMatrix(weight, gramOf(x), { ...own, rounding: 'Nearest' });
      const found = trainMatrix(weight, seen, { ...own, iterations: 0 });
      t.deepEqual(toArray(found.codes), toArray(start.codes));
      t.is(distance(found.steps.scale, start.steps.scale), 0);
      using matrix = new TrainedMatrix(weight, start.steps, own.grid, {
        ...{ scale: 1, zero: 1, weight: 1 },
      });
      t.is(distance(matrix.values(), codedValues(start, own.grid)), 0);
    });
  }
});

test('on other tokens, training loses less than rounding, and what nothing speaks for is not taken', (t) => {
  for (const bits of [4, 3, 2]) {
    scope(() => {
      const own = { ...settings, grid: { ...grid, bits } };
      const weight = draw('w', [outputs, inputs]);
      const exact = [someInputs(), someInputs('held'), someInputs('other tokens')] as const;
      const x = exact.map((each, i) => drifted(each, `drift ${i}`)) as [Tensor, Tensor, Tensor];
      using trained = sumsOf(x[0], exact[0]);
      using held = sumsOf(x[1], exact[1]);
      const seen = { trained: trained.whole, held: held.whole };
      const gap = (found: Parameters<typeof codedValues>[0]): number =>
        squaredGap(codedValues(found, own.grid), weight, x[2], exact[2]);
      const nearest = { ...own, rounding: 'Nearest', steps: 'Extremes' } as const;
      const rounded = gap(quantizeMatrix(weight, trained.whole.gram, nearest));
      const once = gap(trainMatrix(weight, seen, own));
      t.true(once < (bits === 4 ? 0.93 : 0.88) ** 2 * rounded, `${bits} ${once / rounded}`);
      // Scales that are fitted to the integers afterwards know of the trained inputs too.
      t.true(gap(trainMatrix(weight, seen, { ...own, refits: 1 })) < once);
      // Tokens that say nothing against the start say nothing for a change.
      const zeros = {
        gram: ops.zerosLike(held.whole.gram),
        cross: ops.zerosLike(held.whole.cross),
      };
      const kept = quantizeMatrix(weight, trained.whole.gram, { ...own, rounding: 'Nearest' });
      const none = trainMatrix(weight, { trained: trained.whole, held: zeros }, own);
      t.deepEqual(toArray(none.codes), toArray(kept.codes));
    });
  }
});

test('the number of threads changes no bit of what trained, and nothing is left behind', (t) => {
  scope(() => {
    const weight = keep(draw('w', [outputs, inputs]));
    const exact = someInputs();
    using sums = sumsOf(drifted(exact, 'drift'), exact);
    const seen = { trained: sums.whole, held: sums.whole };
    const before = liveHandles();
    const [one, two] = bytesByThreads([1, 3], () => {
      const { codes, steps } = trainMatrix(weight, seen, { ...settings, refits: 1 });
      return { outputs: [codes, steps.scale, steps.zero!], gradients: [] };
    });
    t.deepEqual(two, one);
    t.is(liveHandles() - before, 6);
    weight.dispose();
  });
});
