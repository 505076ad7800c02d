// Grids of floating point: the values of each, scales that files can have, and what each way of
// choosing codes must not lose against plain rounding. On a device too.
import test from 'ava';
import { clippedSteps } from '../../../worker/quantize/clip-search.ts';
import {
  asRowsOfE4m3,
  type FloatGrid,
  floatCodes,
  floatSteps,
  globalScale,
  nearestFloat,
  rowPowers,
} from '../../../worker/quantize/float-grid.ts';
import { sweptFloats } from '../../../worker/quantize/float-sweep.ts';
import { inverseFactor } from '../../../worker/quantize/gptq.ts';
import { InputGram } from '../../../worker/quantize/input-gram.ts';
import { quantizeMatrix, type RoundingSettings } from '../../../worker/quantize/quantize-matrix.ts';
import { lossOfGroups, valuesOf } from '../../../worker/quantize/rounding-grid.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { item, onDevice, type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { bytesByThreads } from '../kernels/compare.ts';

const [outputs, inputs] = [48, 320];

function draw(name: string, shape: readonly number[]): Tensor {
  return normal(shape, 1, streamOf(6, 'float-grid.test', name), 'float32');
}

/** Inputs with much in common, and a few large channels. */
function someInputs(name = 'x'): Tensor {
  return scope(() => {
    const common = ops.linear(draw(`${name} common`, [600, 40]), draw('mixing', [inputs, 40]));
    const x = ops.add(common, ops.mulScalar(draw(name, [600, inputs]), 2));
    ops.mulScalar_(ops.narrow(x, 1, 7, 3), 12);
    return x;
  });
}

function gramOf(x: Tensor): Tensor {
  using sum = new InputGram(x);
  sum.add(x);
  return ops.clone(sum.whole);
}

function largestIn(weight: Tensor): number {
  return item(ops.amax(ops.abs(weight)));
}

const forms = {
  FP8: { format: 'e4m3', scales: 'BFloat16' },
  'FP4 in groups of 64': { format: 'e2m1', scales: 'BFloat16', groupSize: 64 },
  NVFP4: { format: 'e2m1', scales: 'E4M3', groupSize: 16 },
  MXFP4: { format: 'e2m1', scales: 'PowerOfTwo', groupSize: 32 },
  'ZeroQuant-FP': { format: 'e2m1', scales: 'RowPowers', groupSize: 64 },
} as const satisfies Record<string, FloatGrid>;

const plain = { steps: 'Extremes', rounding: 'Nearest', refits: 0 } as const;

test('values of e2m1 are the nearest, and ties have an even mantissa', (t) => {
  scope(() => {
    const table = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
    const ties = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5];
    const toEven = [0, 1, 1, 2, 2, 4, 4];
    const of = (values: readonly number[]) =>
      toArray(nearestFloat(tensor(values, [values.length], 'float32'), 'e2m1')).map((v) => v + 0);
    t.deepEqual(of(table), table);
    t.deepEqual(of(ties), toEven);
    t.deepEqual(
      of(ties.map((v) => -v)),
      toEven.map((v) => 0 - v),
    );
    t.deepEqual(of([7, 100, -1e9]), [6, 6, -6]);
    const some = Array.from({ length: 1200 }, (_, i) => (i - 600) / 97);
    const nearest = some.map((v) => {
      const all = [...table, ...table.map((each) => 0 - each)];
      return all.reduce((a, b) => (Math.abs(b - v) < Math.abs(a - v) ? b : a)) + 0;
    });
    t.deepEqual(of(some), nearest);
  });
});

test('values on a grid stay where they are', (t) => {
  for (const [name, form] of Object.entries(forms)) {
    scope(() => {
      const weight = draw('w', [outputs, inputs]);
      const grid = { ...form, global: globalScale(largestIn(weight)) };
      const steps = floatSteps(weight, grid);
      const values = valuesOf(floatCodes(weight, steps, grid), steps, grid);
      const again = valuesOf(floatCodes(values, steps, grid), steps, grid);
      t.is(largestIn(ops.sub(again, values)), 0, name);
    });
  }
});

test('scales are those of their files', (t) => {
  scope(() => {
    const weight = draw('w', [outputs, inputs]);
    ops.mulScalar_(ops.narrow(ops.narrow(weight, 0, 1, 1), 1, 32, 32), 0);
    const mx = toArray(floatSteps(weight, forms.MXFP4).scale);
    t.true(mx.every((scale) => Number.isInteger(Math.log2(scale))));
    const largest = toArray(ops.amax(ops.abs(ops.view(weight, [outputs, 10, 32])), [2]));
    const ends = largest.map((most, i) => most / mx[i]!);
    t.true(ends.every((end) => end === 0 || (end >= 3.5 && end < 7)));
    // A search begins where nothing is cut off.
    const above = toArray(floatSteps(weight, forms.MXFP4, 0.999).scale);
    t.true(largest.every((most, i) => (most * 0.999) / above[i]! <= 6.0001));
    const global = globalScale(largestIn(weight));
    const nv = ops.mulScalar(floatSteps(weight, { ...forms.NVFP4, global }).scale, global);
    const e4m3 = ops.to(ops.to(nv, 'float8_e4m3fn'), 'float32');
    t.true(largestIn(ops.sub(nv, e4m3)) <= 448 * 2 ** -22);
    t.is(item(ops.amax(e4m3)), 448);
  });
});

test('scales of a row times powers of two: the better of two, and exactly rows of e4m3', (t) => {
  scope(() => {
    const weight = draw('w', [outputs, inputs]);
    // Groups of very different sizes, beyond what eight halvings reach.
    for (let g = 0; g < 5; g += 1) ops.mulScalar_(ops.narrow(weight, 1, g * 64, 64), 2 ** (-3 * g));
    const grid = forms['ZeroQuant-FP'];
    const free = floatSteps(weight, { ...grid, scales: 'BFloat16' });
    const loss = (steps: typeof free) => lossOfGroups(weight, null, steps, grid);
    const chosen = rowPowers(free.scale, loss);
    const halvings = toArray(ops.div(ops.amax(chosen.scale, [1], true), chosen.scale)).map(
      Math.log2,
    );
    t.true(halvings.every((k) => Number.isInteger(k) && k >= 0 && k <= 8));
    t.is(Math.max(...halvings), 8);
    const codes = floatCodes(weight, chosen, grid);
    const rows = asRowsOfE4m3(codes, chosen);
    t.deepEqual(rows.steps.scale.shape, [outputs, 1]);
    const e4m3 = valuesOf(rows.codes, rows.steps, forms.FP8);
    t.is(largestIn(ops.sub(e4m3, valuesOf(codes, chosen, grid))), 0);
  });
});

test('scales of a row times powers of two cost a tenth at most, the other of the two more', (t) => {
  scope(() => {
    const weight = draw('w', [256, 512]);
    const grid = forms['ZeroQuant-FP'];
    const free = floatSteps(weight, { ...grid, scales: 'BFloat16' });
    const loss = (steps: typeof free) => lossOfGroups(weight, null, steps, grid);
    const total = (steps: typeof free) => Math.sqrt(item(ops.sum(loss(steps))));
    const two = total(rowPowers(free.scale, loss));
    // Below the free one wherever it is none of them.
    const clipped = total(rowPowers(free.scale, (steps) => ops.neg(loss(steps))));
    t.log(two / total(free), clipped / total(free));
    t.true(two <= 1.12 * total(free));
    t.true(clipped > 1.2 * total(free));
  });
});

test('with inputs that have nothing in common, GPTQ rounds each value to the nearest', (t) => {
  for (const [name, form] of Object.entries(forms)) {
    scope(() => {
      const weight = draw('w', [outputs, inputs]);
      const grid = { ...form, global: globalScale(largestIn(weight)) };
      const U = onDevice(inverseFactor(ops.eye(inputs, { dtype: 'float64' })), weight.device);
      const steps = floatSteps(weight, grid);
      const [swept, nearest] = [
        sweptFloats(weight, U, steps, grid),
        floatCodes(weight, steps, grid),
      ];
      t.deepEqual(toArray(swept), toArray(nearest), name);
    });
  }
});

test('GPTQ, clipping and fitted scales each lose no more of the outputs, on unseen inputs too', (t) => {
  for (const [name, form] of Object.entries(forms)) {
    scope(() => {
      const weight = draw('w', [outputs, inputs]);
      const grid = { ...form, global: globalScale(largestIn(weight)) };
      const [x, unseen] = [someInputs(), someInputs('others')];
      const gram = gramOf(x);
      const lossOn = (z: Tensor, settings: Omit<RoundingSettings, 'grid'>): number => {
        const found = quantizeMatrix(weight, gram, { ...settings, grid });
        const values = valuesOf(found.codes, found.steps, grid);
        return item(ops.linalgVectorNorm(ops.linear(z, ops.sub(values, weight)))) ** 2;
      };
      for (const z of [x, unseen]) {
        const nearest = lossOn(z, plain);
        const gptq = lossOn(z, { ...plain, rounding: 'GPTQ' });
        t.true(gptq < 0.8 * nearest, `${name} ${gptq / nearest}`);
        const all = lossOn(z, { steps: 'ClipSearch', rounding: 'GPTQ', refits: 1 });
        t.log(
          `${name}: GPTQ ${(gptq / nearest).toFixed(3)}, with all ${(all / nearest).toFixed(3)}`,
        );
        t.true(all < nearest, `${name} ${all / nearest}`);
      }
      const h = ops.contiguous(ops.diagonal(gram));
      const sumOf = (steps: ReturnType<typeof floatSteps>) =>
        item(ops.sum(lossOfGroups(weight, h, steps, grid)));
      t.true(sumOf(clippedSteps(weight, h, grid)) <= sumOf(floatSteps(weight, grid)), name);
    });
  }
});

test('the number of threads changes no bit, and nothing is left behind', (t) => {
  scope(() => {
    const weight = keep(draw('w', [outputs, inputs]));
    const gram = keep(gramOf(someInputs()));
    const before = liveHandles();
    const settings = { steps: 'ClipSearch', rounding: 'GPTQ', refits: 1 } as const;
    const grid = forms['FP4 in groups of 64'];
    const [one, three] = bytesByThreads([1, 3], () => {
      const { codes, steps } = quantizeMatrix(weight, gram, { ...settings, grid });
      return { outputs: [codes, steps.scale], gradients: [] };
    });
    t.deepEqual(three, one);
    t.is(liveHandles() - before, 4);
    for (const each of [weight, gram]) each.dispose();
  });
});
