// Codes and steps of a matrix from what is known of its inputs: identities, and what each way of
// choosing them must not lose against plain rounding.
import test from 'ava';
import {
  codeRange,
  codes,
  fittedSteps,
  type IntegerGrid,
  onGrid,
} from '../../../worker/methods/weights/learned-step.ts';
import { clippedSteps } from '../../../worker/quantize/clip-search.ts';
import { gptqCodes, inverseFactor } from '../../../worker/quantize/gptq.ts';
import {
  codedValues,
  quantizeMatrix,
  type RoundingSettings,
} from '../../../worker/quantize/quantize-matrix.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { item, type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { bytesByThreads, distance } from '../kernels/compare.ts';
import { draw, gramOf, inputs, outputs, someInputs } from './some-inputs.ts';

const grids: readonly IntegerGrid[] = [
  { bits: 4, range: 'Asymmetric', groupSize: 64 },
  { bits: 3, range: 'Symmetric', groupSize: 32 },
  { bits: 2, range: 'Asymmetric', groupSize: 80 },
  { bits: 8, range: 'Symmetric' },
];

const plain = (grid: IntegerGrid): RoundingSettings => ({
  ...{ grid, steps: 'Extremes', rounding: 'Nearest', refits: 0 },
});

/** The squared error of the layer's outputs on `x`. */
function lossOf(weight: Tensor, x: Tensor, settings: RoundingSettings, gram = gramOf(x)): number {
  return scope(() => {
    const found = codedValues(quantizeMatrix(weight, gram, settings), settings.grid);
    return item(ops.linalgVectorNorm(ops.linear(x, ops.sub(found, weight)))) ** 2;
  });
}

test('the sum of products of inputs is the Gram matrix', (t) => {
  scope(() => {
    const x = someInputs();
    const exact = ops.linear(ops.t(ops.to(x, 'float64')), ops.t(ops.to(x, 'float64')));
    const off = item(ops.amax(ops.abs(ops.sub(ops.to(gramOf(x), 'float64'), exact))));
    t.true(off <= 1e-5 * item(ops.amax(exact)), `${off}`);
  });
});

test('plain rounding is the codes of the grid, and codes stand for its values', (t) => {
  for (const grid of grids) {
    scope(() => {
      const weight = draw('w', [outputs, inputs]);
      const steps = fittedSteps(weight, grid);
      const found = quantizeMatrix(weight, gramOf(someInputs()), plain(grid));
      const own = ops.addScalar(ops.to(found.codes, 'float32'), codeRange(grid)[0]);
      t.is(distance(own, codes(weight, steps, grid)), 0);
      t.is(distance(codedValues(found, grid), onGrid(weight, steps, grid)), 0);
    });
  }
});

test('with inputs that have nothing in common, GPTQ rounds each value to the nearest', (t) => {
  for (const grid of grids) {
    scope(() => {
      const weight = draw('w', [outputs, inputs]);
      const U = inverseFactor(ops.eye(inputs, { dtype: 'float64' }));
      const steps = fittedSteps(weight, grid);
      const own = gptqCodes(weight, U, steps, grid);
      const nearest = ops.addScalar(codes(weight, steps, grid), -codeRange(grid)[0]);
      t.deepEqual(toArray(own), toArray(nearest));
    });
  }
});

test('the factor is that of the inverse of the damped Gram matrix', (t) => {
  scope(() => {
    const gram = ops.to(gramOf(someInputs()), 'float64');
    const U = ops.to(inverseFactor(gram), 'float64');
    const damped = ops.clone(gram);
    ops.add_(ops.diagonal(damped), ops.mulScalar(ops.mean(ops.diagonal(gram)), 0.01));
    // U^T U is the inverse.
    const one = ops.mm(ops.mm(ops.t(U), U), damped);
    const off = item(ops.amax(ops.abs(ops.sub(one, ops.eye(inputs, { dtype: 'float64' })))));
    t.true(off < 1e-3, `${off}`);
  });
});

test('GPTQ loses less of the outputs than rounding, on inputs that it has not seen too', (t) => {
  for (const grid of grids) {
    scope(() => {
      const weight = draw('w', [outputs, inputs]);
      const [x, others] = [someInputs(), someInputs('other tokens')];
      const gram = gramOf(x);
      const gptq = { ...plain(grid), rounding: 'GPTQ' } as const;
      for (const seen of [x, others]) {
        const ratio = lossOf(weight, seen, gptq, gram) / lossOf(weight, seen, plain(grid), gram);
        t.true(ratio < 0.8, `${JSON.stringify(grid)} ${ratio}`);
      }
    });
  }
});

test('scales that are fitted to codes lose no more than those before, and twice no more than once', (t) => {
  for (const grid of grids) {
    for (const rounding of ['Nearest', 'GPTQ'] as const) {
      scope(() => {
        const weight = draw('w', [outputs, inputs]);
        const x = someInputs();
        const settings = { ...plain(grid), rounding };
        const before = lossOf(weight, x, settings);
        const after = lossOf(weight, x, { ...settings, refits: 1 });
        // Scales are rounded to bfloat16, which is most of what 8 bits are off by.
        const most = grid.bits === 8 ? 1.5 : 1;
        t.true(after <= most * before, `${JSON.stringify(grid)} ${rounding} ${after / before}`);
        if (grid.bits <= 3) t.true(after < 0.97 * before, `${after / before}`);
      });
    }
  }
});

test('clipping is never worse by what it looks at, and cuts off a value that costs all others', (t) => {
  for (const grid of grids) {
    scope(() => {
      const weight = draw('w', [outputs, inputs]);
      ops.mulScalar_(ops.narrow(weight, 1, 33, 1), 9);
      const h = ops.ones([inputs], { dtype: 'float32' });
      // The input of the outlier is almost always zero.
      ops.fill_(ops.narrow(h, 0, 33, 1), 1e-4);
      const loss = (steps: ReturnType<typeof fittedSteps>) =>
        item(ops.sum(ops.mul(ops.square(ops.sub(onGrid(weight, steps, grid), weight)), h)));
      const [before, after] = [
        loss(fittedSteps(weight, grid)),
        loss(clippedSteps(weight, h, grid)),
      ];
      t.true(after <= before, `${after} ${before}`);
      if (grid.bits < 8) t.true(after < 0.9 * before, `${after / before}`);
    });
  }
});

test('scales and zero points are what a layout can hold at least, and codes stand for them', (t) => {
  scope(() => {
    const least = { scale: 2 ** -17, zero: 1 };
    const grid: IntegerGrid = { bits: 4, range: 'Asymmetric', groupSize: 64, least };
    const weight = draw('w', [outputs, inputs]);
    // A row of one sign, and one of values that are nearly zero.
    const own = ops.narrow(weight, 0, 3, 1);
    ops.copy_(own, ops.abs(own));
    ops.mulScalar_(ops.narrow(weight, 0, 5, 1), 1e-9);
    const gram = gramOf(someInputs());
    for (const steps of ['Extremes', 'ClipSearch'] as const) {
      const settings = { grid, steps, rounding: 'GPTQ', refits: 2 } as const;
      const { scale, zero } = quantizeMatrix(weight, gram, settings).steps;
      t.true(item(ops.amin(scale)) >= least.scale);
      t.true(item(ops.amin(zero ?? scale)) >= least.zero);
      t.is(distance(ops.to(ops.to(scale, 'float16'), 'float32'), scale), 0);
      const { grid: _, ...others } = settings;
      const free = { ...others, grid: { ...grid, least: undefined } };
      t.true(item(ops.amin(quantizeMatrix(weight, gram, free).steps.zero ?? scale)) < 1);
    }
  });
});

test('inputs that are always zero are rounded by themselves, and a singular matrix is damped', (t) => {
  scope(() => {
    const grid = grids[0]!;
    const weight = draw('w', [outputs, inputs]);
    const x = someInputs();
    ops.zero_(ops.narrow(x, 1, 100, 20));
    // Fewer tokens than inputs: the Gram matrix has no inverse.
    const gram = gramOf(ops.narrow(x, 0, 0, 50));
    const found = quantizeMatrix(weight, gram, { ...plain(grid), rounding: 'GPTQ', refits: 1 });
    const values = codedValues(found, grid);
    t.is(item(ops.all(ops.isfinite(values))), 1);
    const dead = [100, 20] as const;
    const nearest = codes(weight, fittedSteps(weight, grid), grid);
    const own = ops.to(ops.narrow(found.codes, 1, ...dead), 'float32');
    t.deepEqual(toArray(own), toArray(ops.narrow(nearest, 1, ...dead)));
    const none = quantizeMatrix(weight, ops.zerosLike(gram), {
      ...{ grid, steps: 'ClipSearch', rounding: 'GPTQ', refits: 1 },
    });
    t.is(item(ops.all(ops.isfinite(codedValues(none, grid)))), 1);
  });
});

test('the number of threads changes no bit, and nothing is left behind', (t) => {
  scope(() => {
    const weight = keep(draw('w', [outputs, inputs]));
    const gram = keep(gramOf(someInputs()));
    const before = liveHandles();
    const settings = { grid: grids[1]!, steps: 'ClipSearch', rounding: 'GPTQ', refits: 2 } as const;
    const [one, two] = bytesByThreads([1, 3], () => {
      const { codes: own, steps } = quantizeMatrix(weight, gram, settings);
      return { outputs: [own, steps.scale], gradients: [] };
    });
    t.deepEqual(two, one);
    t.is(liveHandles() - before, 4);
    weight.dispose();
    gram.dispose();
  });
});
