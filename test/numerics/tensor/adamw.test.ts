import test from 'ava';
import { type DType, dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { item, type Tensor, tensor, toArray, toBytes } from '../../../worker/tensor/tensor.ts';
import { setThreads, threads } from '../../../worker/tensor/threads.ts';

const settings = { lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1 };
// Not a multiple of any vector, and more than one thread's share.
const count = 40_003;

interface Parameter {
  readonly param: Tensor;
  readonly grad: Tensor;
  readonly expAvg: Tensor;
  readonly expAvgSq: Tensor;
  readonly master: Tensor | null;
}

interface Types {
  readonly param: DType;
  readonly grad: DType;
  readonly state: DType;
  readonly master?: boolean;
}

function draw(name: string, dtype: DType, std = 1): Tensor {
  return normal([count], std, streamOf(7, 'adamw.test', name), dtype);
}

function make(types: Types): Parameter {
  const param = draw('param', types.param);
  return {
    param,
    grad: draw('grad', types.grad, 0.1),
    expAvg: draw('expAvg', types.state, 0.01),
    expAvgSq: ops.square(draw('expAvgSq', types.state, 0.01)),
    master: types.master ? ops.to(param, 'float32') : null,
  };
}

function update({ param, grad, expAvg, expAvgSq, master }: Parameter, step = 5, more = {}): void {
  ops.adamw_(param, grad, expAvg, expAvgSq, master, { ...settings, step, ...more });
}

/** The textbook in float64, from the stored values. */
function textbook(
  p: Parameter,
  step: number,
  scale: number,
): { param: Tensor; m: Tensor; v: Tensor } {
  const wide = (x: Tensor): Tensor => ops.to(x, 'float64', false, true);
  const g = ops.mulScalar(wide(p.grad), scale);
  const m = ops.add(
    ops.mulScalar(wide(p.expAvg), settings.beta1),
    ops.mulScalar(g, 1 - settings.beta1),
  );
  const v = ops.add(
    ops.mulScalar(wide(p.expAvgSq), settings.beta2),
    ops.mulScalar(ops.square(g), 1 - settings.beta2),
  );
  const mHat = ops.divScalar(m, 1 - settings.beta1 ** step);
  const vHat = ops.divScalar(v, 1 - settings.beta2 ** step);
  const direction = ops.div(mHat, ops.addScalar(ops.sqrt(vHat), settings.eps));
  const decayed = ops.mulScalar(wide(p.master ?? p.param), 1 - settings.lr * settings.weightDecay);
  return { param: ops.sub(decayed, ops.mulScalar(direction, settings.lr)), m, v };
}

/** The largest |a - b| / (|b| + floor). */
function distance(a: Tensor, b: Tensor, floor: number): number {
  const wide = (x: Tensor): Tensor => ops.to(x, 'float64');
  const scale = ops.addScalar(ops.abs(wide(b)), floor);
  return item(ops.amax(ops.div(ops.abs(ops.sub(wide(a), wide(b))), scale)));
}

function distinct(x: Tensor): number[] {
  return [...new Set(toArray(x))].sort((a, b) => a - b);
}

const cases: readonly Types[] = [
  { param: 'float64', grad: 'float64', state: 'float64' },
  { param: 'float32', grad: 'float32', state: 'float32' },
  { param: 'float32', grad: 'bfloat16', state: 'float32' },
  { param: 'float32', grad: 'float32', state: 'bfloat16' },
  { param: 'bfloat16', grad: 'bfloat16', state: 'float32', master: true },
  { param: 'bfloat16', grad: 'float32', state: 'float32', master: true },
  { param: 'bfloat16', grad: 'bfloat16', state: 'bfloat16' },
  { param: 'bfloat16', grad: 'float32', state: 'float32' },
];

for (const types of cases) {
  const title = `${types.param}${types.master ? ' with master' : ''}, gradient ${types.grad}, state ${types.state}`;
  test(`one AdamW step equals the textbook for ${title}`, (t) => {
    scope(() => {
      const p = make(types);
      const expected = textbook(p, 5, 0.5);
      update(p, 5, { gradScale: 0.5 });
      // Ten float32 (float64) roundings, then one to the stored type. The floor is the size of what
      // is added.
      const arithmetic = 10 * dtypeEpsilon(types.param === 'float64' ? 'float64' : 'float32');
      const stored = (dtype: DType): number =>
        arithmetic + (dtype === 'bfloat16' ? dtypeEpsilon(dtype) / 2 : 0);
      t.true(distance(p.expAvg, expected.m, 0.1) <= stored(types.state));
      t.true(distance(p.expAvgSq, expected.v, 0.01) <= stored(types.state));
      t.true(distance(p.param, expected.param, settings.lr) <= stored(types.param));
      if (p.master === null) return;
      t.true(distance(p.master, expected.param, settings.lr) <= arithmetic);
      t.deepEqual(toBytes(p.param), toBytes(ops.to(p.master, 'bfloat16')));
    });
  });
}

for (const dtype of ['float32', 'float64'] as const) {
  test(`ten AdamW steps equal those of ATen's fused kernel in ${dtype}`, (t) => {
    scope(() => {
      const types = { param: dtype, grad: dtype, state: dtype };
      const [ours, theirs] = [make(types), make(types)];
      const steps = tensor([0], [], 'float32');
      for (let step = 1; step <= 10; step++) {
        update(ours, step);
        ops.addScalar_(steps, 1);
        ops.fusedAdamw_(
          [theirs.param],
          [theirs.grad],
          [theirs.expAvg],
          [theirs.expAvgSq],
          [],
          [steps],
          {
            ...settings,
            amsgrad: false,
            maximize: false,
          },
        );
      }
      // Ten steps of about ten roundings each, in both.
      const tolerance = 2 * 10 * 10 * dtypeEpsilon(dtype);
      t.true(distance(ours.param, theirs.param, settings.lr) <= tolerance);
      t.true(distance(ours.expAvg, theirs.expAvg, 0.1) <= tolerance);
      t.true(distance(ours.expAvgSq, theirs.expAvgSq, 0.01) <= tolerance);
    });
  });
}

test('every instruction set and number of threads gives the same bits', (t) => {
  const run = (types: Types, more: object): string =>
    scope(() => {
      const p = make(types);
      update(p, 3, more);
      return [p.param, p.expAvg, p.expAvgSq, ...(p.master === null ? [] : [p.master])]
        .map((x) => Buffer.from(toBytes(x)).toString('base64'))
        .join();
    });
  const all = threads();
  for (const types of cases) {
    const more = types.master ? {} : { roundingKey: 99n };
    const best = run(types, more);
    for (const name of ['portable', 'avx2', 'avx512', 'amx']) {
      t.log(`asked for ${name}, ran ${ops.chooseIsa(name)}`);
      t.is(run(types, more), best);
    }
    ops.chooseIsa(null);
    setThreads(1);
    t.is(run(types, more), best);
    setThreads(all);
  }
});

test('stochastic rounding keeps changes that rounding to nearest loses', (t) => {
  scope(() => {
    const bits = dtypeEpsilon('bfloat16');
    // A gradient of 1 from the first step moves by lr exactly: here an eighth of a step of
    // bfloat16.
    const lr = bits / 8;
    const once = (key: bigint | null): Tensor => {
      const zero = (): Tensor => ops.zeros([count]);
      const param = ops.full([count], 1.5, { dtype: 'bfloat16' });
      ops.adamw_(param, ops.ones([count]), zero(), zero(), null, {
        ...settings,
        lr,
        eps: 0,
        weightDecay: 0,
        step: 1,
        roundingKey: key,
      });
      return param;
    };
    t.deepEqual(distinct(once(null)), [1.5]);
    const moved = toArray(once(1n));
    t.deepEqual(distinct(once(1n)), [1.5 - bits, 1.5]);
    const share = moved.filter((x) => x < 1.5).length / count;
    t.true(Math.abs(share - 1 / 8) < 5 * Math.sqrt(((1 / 8) * (7 / 8)) / count));
    t.notDeepEqual(toArray(once(2n)), moved);
    t.deepEqual(toArray(once(1n)), moved);
  });
});

test('moments in bfloat16 are rounded stochastically where rounding to nearest would hold them still', (t) => {
  scope(() => {
    const step = dtypeEpsilon('bfloat16') / 2; // between 1/2 and 1
    const beta2 = 0.999;
    const once = (key: bigint | null, master: Tensor | null = null) => {
      const param = ops.full([count], 1, { dtype: master === null ? 'float32' : 'bfloat16' });
      const [m, v] = [1, 1].map((x) => ops.full([count], x, { dtype: 'bfloat16' })) as [
        Tensor,
        Tensor,
      ];
      ops.adamw_(param, ops.ones([count]), m, ops.mulScalar_(v, 1), master, {
        ...{ ...settings, beta1: 0, beta2, gradScale: 0, step: 9, roundingKey: key },
      });
      return { param, m, v };
    };
    const still = once(null);
    t.deepEqual(distinct(still.v), [1], 'a thousandth is below half a step');
    for (const master of [null, ops.ones([count])]) {
      const { v } = once(3n, master);
      t.deepEqual(distinct(v), [1 - step, 1]);
      const share = toArray(v).filter((x) => x < 1).length / count;
      const expected = (1 - beta2) / step;
      t.true(Math.abs(share - expected) < 5 * Math.sqrt((expected * (1 - expected)) / count));
      t.deepEqual(toArray(once(3n, master).v), toArray(v));
      t.notDeepEqual(toArray(once(4n, master).v), toArray(v));
    }
    // The arithmetic uses the moments before they are rounded: only what is kept differs.
    t.deepEqual(toArray(once(3n).param), toArray(still.param));
  });
});

test('stochastic rounding leaves infinities and NaN alone', (t) => {
  scope(() => {
    const param = tensor([Infinity, -Infinity, Number.NaN, 3.3895e38], [4], 'bfloat16');
    const zero = (): Tensor => ops.zeros([4]);
    ops.adamw_(param, zero(), zero(), zero(), null, {
      ...settings,
      weightDecay: 0,
      step: 1,
      roundingKey: 5,
    });
    const [a, b, c, d] = toArray(param);
    t.deepEqual([a, b], [Infinity, -Infinity]);
    t.true(Number.isNaN(c));
    t.true(Number.isFinite(d));
  });
});

test('what does not fit together is refused with both facts', (t) => {
  scope(() => {
    const p = make({ param: 'float32', grad: 'float32', state: 'float32' });
    const refuse = (change: Partial<Parameter>, message: string, step = 1): void => {
      t.throws(() => update({ ...p, ...change }, step), { message: `anneal::adamw_: ${message}` });
    };
    refuse({ grad: ops.zeros([3]) }, `grad has the shape [3]; it must be param's, [${count}]`);
    refuse(
      { grad: ops.to(p.grad, 'float16') },
      'grad has the dtype Half; it must be float32, bfloat16 or float64',
    );
    refuse({ master: p.param }, 'param is Float; a master copy is for bfloat16');
    refuse(
      { expAvg: ops.to(p.expAvg, 'bfloat16') },
      'exp_avg is BFloat16 and exp_avg_sq is Float; they must be alike',
    );
    refuse({}, 'step is 0; the first step is 1', 0);
  });
});
