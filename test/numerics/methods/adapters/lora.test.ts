import test from 'ava';
import type { DropoutDraw, LinearLayer } from '../../../../worker/methods/adapters/adapter.ts';
import { type LoraSettings, lora } from '../../../../worker/methods/adapters/lora.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { type Tensor, toArray } from '../../../../worker/tensor/tensor.ts';

const settings: LoraSettings = {
  ...{ rank: 8, alpha: 24, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
  ...{ initialization: 'KaimingUniform', targets: () => true, seed: 11n, dtype: 'float32' },
};

const layer: LinearLayer = {
  ...{ path: 'model.layers.2.mlp.up_proj', layer: 2, role: 'up', out: 96, in: 400 },
  model: { L: 3, NH: 4, NK: 2, D: 100, I: 96 },
};
const other: LinearLayer = { ...layer, path: 'model.layers.2.mlp.gate_proj' };
const noWeight = (): never => {
  throw new Error('LoRA reads no weight');
};
const A = 'lora_A.weight';
const B = 'lora_B.weight';

function initial(changes: Partial<LoraSettings>, of = layer): Readonly<Record<string, Tensor>> {
  return lora({ ...settings, ...changes }).initialize(of, noWeight).trained;
}

function deltaOf(changes: Partial<LoraSettings>, draw: DropoutDraw | null, of = layer) {
  const adapter = lora({ ...settings, ...changes });
  const tensors = adapter.initialize(of, noWeight).trained;
  return adapter.factors(of, (suffix) => tensors[suffix]!, draw);
}

/** What the adapter sees of an input of ones. */
function dropped(share: number, draw: DropoutDraw | null, of = layer): readonly number[] | null {
  return scope(() => {
    const x = ops.ones([64, of.in], { dtype: 'float32' });
    const seen = deltaOf({ dropout: share }, draw, of).dropped(x);
    return seen === null ? null : toArray(seen);
  });
}

test('the model is what it was before the first step: B is zero and A is not', (t) => {
  scope(() => {
    const tensors = initial({});
    t.deepEqual(Object.keys(tensors), [A, B]);
    t.deepEqual(tensors[A]!.shape, [8, 400]);
    t.deepEqual(tensors[B]!.shape, [96, 8]);
    t.true(toArray(tensors[B]!).every((x) => x === 0));
    t.true(toArray(tensors[A]!).some((x) => x !== 0));
  });
});

test('A starts uniform within one over the root of its inputs, or normal with one over the rank', (t) => {
  scope(() => {
    const values = toArray(initial({})[A]!);
    const bound = 1 / Math.sqrt(layer.in);
    t.true(values.every((x) => Math.abs(x) <= bound));
    const n = values.length;
    const square = values.reduce((sum, x) => sum + x * x, 0) / n;
    // Of a uniform variable the square has mean b²/3 and variance 4 b⁴/45: five deviations.
    t.true(Math.abs(square - bound ** 2 / 3) <= 5 * bound ** 2 * Math.sqrt(4 / 45 / n));
    const normals = toArray(initial({ initialization: 'Gaussian' })[A]!);
    const variance = normals.reduce((sum, x) => sum + x * x, 0) / n;
    // Of a normal variable the square has deviation √2 σ².
    t.true(Math.abs(variance - 1 / 64) <= 5 * Math.sqrt(2 / n) * (1 / 64), `${variance}`);
  });
});

test('each layer starts with numbers of its own, the same for the same seed', (t) => {
  scope(() => {
    const of = (changes: Partial<LoraSettings>, at = layer) => toArray(initial(changes, at)[A]!);
    t.deepEqual(of({}), of({ dropout: 0.5, alpha: 1 }));
    t.notDeepEqual(of({}), of({}, other));
    t.notDeepEqual(of({}), of({ seed: 12n }));
  });
});

test('the change is scaled by alpha over the rank, or over its root', (t) => {
  scope(() => {
    t.is(deltaOf({}, null).scale, 3);
    t.is(deltaOf({ scaling: 'RankStabilized' }, null).scale, 24 / Math.sqrt(8));
  });
});

test('only the layers that are named get an adapter, and LoRA+ makes B faster', (t) => {
  const adapter = lora({
    ...settings,
    targets: (path) => path.endsWith('.up_proj'),
    learningRateRatio: 16,
  });
  t.true(adapter.targets(layer));
  t.false(adapter.targets(other));
  t.is(adapter.learningRateFactor(A), 1);
  t.is(adapter.learningRateFactor(B), 16);
});

const draw: DropoutDraw = { seed: 11n, step: 3, key: 5 };

test('nothing is dropped in evaluation, nor where the share is 0', (t) => {
  t.is(dropped(0.3, null), null);
  t.is(dropped(0, draw), null);
  scope(() => {
    t.false(deltaOf({ dropout: 0.3 }, null).drops);
    t.false(deltaOf({}, draw).drops);
    t.true(deltaOf({ dropout: 0.3 }, draw).drops);
  });
});

test('the share of inputs is dropped, and the others grow so that the mean stays', (t) => {
  const share = 0.3;
  const seen = dropped(share, draw) ?? [];
  const n = seen.length;
  const kept = Math.fround(1 / Math.fround(1 - share));
  t.true(seen.every((x) => x === 0 || Math.abs(x - kept) <= 2 ** -22));
  const mean = seen.reduce((sum, x) => sum + x, 0) / n;
  // Five deviations of the mean of a scaled coin.
  t.true(Math.abs(mean - 1) <= 5 * Math.sqrt(share / (1 - share) / n), `${mean}`);
});

test('a mask belongs to a seed, a step, a sequence and a layer, and comes again for the same ones', (t) => {
  const first = dropped(0.5, draw);
  t.deepEqual(dropped(0.5, { ...draw }), first, 'a block that is recomputed');
  t.notDeepEqual(dropped(0.5, { ...draw, step: 4 }), first);
  t.notDeepEqual(dropped(0.5, { ...draw, key: 6 }), first);
  t.notDeepEqual(dropped(0.5, { ...draw, seed: 12n }), first);
  t.notDeepEqual(dropped(0.5, draw, other), first);
});

test('both factors may be drawn, with one deviation, from streams of their own', (t) => {
  scope(() => {
    const [ofA, ofB] = [A, B].map((suffix) =>
      toArray(initial({ initialization: 'Both', rank: 64 })[suffix]!),
    );
    for (const values of [ofA ?? [], ofB ?? []]) {
      const square = values.reduce((sum, x) => sum + x * x, 0) / values.length;
      // Of 6,144 values at least the square of the deviation is known within two hundredths.
      t.true(Math.abs(square / 0.02 ** 2 - 1) < 0.08, `${square}`);
    }
    t.notDeepEqual(ofA?.slice(0, 64), ofB?.slice(0, 64));
  });
});
