// What every adapter must hold, from one table: nothing changes before the first step, the merged
// weight computes the same, gradients follow from the gradient of the dense weight, fixed tensors
// stay as they are, and the counts are those of the plan.
import test from 'ava';
import type { AdapterShape } from '../../../../crds/methods/adapter-shapes.ts';
import { adapterShape } from '../../../../crds/methods/adapter-traits.ts';
import { resolveMethod } from '../../../../crds/methods/resolve.ts';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import { hiddenStates } from '../../../../worker/engine/forward.ts';
import { type Model, tensorsOf } from '../../../../worker/engine/model.ts';
import { rounded } from '../../../../worker/methods/adapters/bi-lora.ts';
import { adapterOf } from '../../../../worker/methods/adapters/index.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { type Tensor, tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { train } from '../../../../worker/train/loop.ts';
import { denseChangeOf } from '../../../builders/dense-change.ts';
import { factorsInMemory } from '../../../builders/initial-factors.ts';
import { aToyModel, countUp, Training, toySource } from '../../../builders/toy-training.ts';
import { aSequence, gradientsOf } from '../../../builders/training.ts';

interface Case {
  readonly method: Parameters<typeof resolveMethod>[0];
  /** The most that the hidden states differ before the first step, relative to the largest. */
  readonly start: number;
  /** Weights lose a part for good: the model to compare with has lost it too. @default false */
  readonly loses?: true;
  /** Linear layers that have an adapter. @default all of the toy's three blocks */
  readonly layers?: number;
  /** Gradient of each trained tensor for the dense gradient `G [O, I]`. */
  gradients(own: (suffix: string) => Tensor, G: Tensor): Readonly<Record<string, Tensor>>;
}

const cases: Readonly<Record<string, Case>> = {
  LoRA: {
    method: { adapter: { type: 'LoRA', lora: { rank: 3, alpha: '9' } } },
    start: 0,
    gradients: (own, G) => ({
      'lora_A.weight': ops.mulScalar(ops.mm(ops.t(own('lora_B.weight')), G), 3),
      'lora_B.weight': ops.mulScalar(ops.mm(G, ops.t(own('lora_A.weight'))), 3),
    }),
  },
  LoRAXS: {
    method: { adapter: { type: 'LoRAXS', loraXs: { rank: 5 } } },
    // R begins with a deviation of 1e-5.
    start: 1e-3,
    gradients: (own, G) => ({
      'lora_R.weight': ops.mm(ops.mm(ops.t(own('lora_B.weight')), G), ops.t(own('lora_A.weight'))),
    }),
  },
  BiLoRA: {
    method: { adapter: { type: 'BiLoRA', biLora: { rank: 4, bits: 2 } } },
    // B begins with a deviation of 1e-3.
    start: 0.05,
    gradients: (own, G) => {
      const [A, B] = [own('lora_A.weight'), own('lora_B.weight')];
      const scaled = ops.mulScalar(G, 2);
      return {
        'lora_A.weight': throughCodes(A, ops.mm(ops.t(rounded(B, 2)), scaled)),
        'lora_B.weight': throughCodes(B, ops.mm(scaled, ops.t(rounded(A, 2)))),
      };
    },
  },
  PaCA: {
    method: { adapter: { type: 'PaCA', paca: { rank: 6, alpha: '9' } } },
    start: 0,
    gradients: (own, G) => ({
      paca_value: ops.mulScalar(ops.indexSelect(G, 1, own('paca_index')), 1.5),
    }),
  },
  S2FT: {
    method: {
      adapter: {
        type: 'S2FT',
        s2ft: {
          ...{ downRatio: '0.2', upRatio: '0.1', gateRatio: '0.05' },
          ...{ outputRatio: '0.5', valueRatio: '0.34' },
        },
      },
    },
    start: 0,
    layers: 13,
    gradients: (own, G) => {
      const [V, index] = [own('s2ft_value'), own('s2ft_index')];
      const isRows = V.shape[1] === G.shape[1];
      return { s2ft_value: ops.indexSelect(G, isRows ? 0 : 1, index) };
    },
  },
  PiSSA: {
    method: { adapter: { type: 'PiSSA', pissa: { rank: 4, alpha: '8', directions: 'Exact' } } },
    start: 0,
    gradients: ofTwo,
  },
  KaSA: {
    method: { adapter: { type: 'KaSA', kasa: { rank: 4, alpha: '8' } } },
    start: 0,
    loses: true,
    gradients: ofDiagonal('lora_diag'),
  },
  EVA: {
    // Of unequal ranks the plan knows the most alone: eva.test.ts.
    method: { adapter: { type: 'EVA', eva: { rank: 4, alpha: '8', rho: '1' } } },
    start: 0,
    gradients: ofTwo,
  },
  SLoRA: {
    method: { adapter: { type: 'SLoRA', slora: { rank: 4, alpha: '8' } } },
    start: 0,
    gradients: ofThree,
  },
  NLoRA: {
    method: { adapter: { type: 'NLoRA', nlora: { rank: 4, alpha: '8' } } },
    start: 0,
    gradients: ofThree,
  },
  IntermediateTune: {
    method: { adapter: { type: 'NLoRA', nlora: { rank: 4, alpha: '8', train: 'Core' } } },
    start: 0,
    gradients: (own, G) => ({ 'lora_N.weight': ofThree(own, G)['lora_N.weight'] }),
  },
  LoRAGA: {
    method: { adapter: { type: 'LoRAGA', loraGa: { rank: 4, alpha: '8', directions: 'Exact' } } },
    start: 0,
    gradients: ofTwo,
  },
  LoRASB: {
    method: { adapter: { type: 'LoRASB', loraSb: { rank: 5 } } },
    // It begins after a step of 1e-4 on each value.
    start: 0.05,
    gradients: (own, G) => ({
      'lora_R.weight': ops.mm(ops.mm(ops.t(own('lora_B.weight')), G), ops.t(own('lora_A.weight'))),
    }),
  },
  SoRA: {
    method: { adapter: { type: 'SoRA', sora: { rank: 5, alpha: '10', threshold: '0.05' } } },
    start: 0,
    gradients: ofDiagonal('lora_E'),
  },
  LaMDA: {
    method: { adapter: { type: 'LaMDA', lamda: { rank: 4, alpha: '8', freezeFraction: '0.9' } } },
    start: 0,
    gradients: ofSquare,
  },
  'LaMDA from chance': {
    method: { adapter: { type: 'LaMDA', lamda: { rank: 4, initialization: 'LoRA' } } },
    start: 0,
    gradients: ofSquare,
  },
  LoLDU: {
    method: { adapter: { type: 'LoLDU', loldu: { rank: 6 } } },
    start: 0,
    gradients: (own, G) => ({
      loldu_z: ops.diagonal(
        ops.mm(ops.mm(ops.t(own('loldu_L.weight')), G), ops.t(own('loldu_U.weight'))),
      ),
    }),
  },
};

type Own = (suffix: string) => Tensor;

/** Of A and B, with a scale of 2, as those below. */
function ofTwo(own: Own, G: Tensor) {
  return {
    'lora_A.weight': ops.mulScalar(ops.mm(ops.t(own('lora_B.weight')), G), 2),
    'lora_B.weight': ops.mulScalar(ops.mm(G, ops.t(own('lora_A.weight'))), 2),
  };
}

/** Of A, B and a diagonal between them. */
function ofDiagonal(suffix: string) {
  return (own: Own, G: Tensor) => {
    const [A, B, d] = [own('lora_A.weight'), own('lora_B.weight'), own(suffix)];
    const scaled = ops.mulScalar(G, 2);
    const ofB = ops.mm(scaled, ops.t(A));
    return {
      'lora_A.weight': ops.mm(ops.t(ops.mul(B, d)), scaled),
      'lora_B.weight': ops.mul(ofB, d),
      [suffix]: ops.sumDim(ops.mul(B, ofB), [0]),
    };
  };
}

/** Of S and B, between which and a fixed A the product is. */
function ofSquare(own: Own, G: Tensor) {
  const [A, S, B] = [own('lora_A.weight'), own('lora_S.weight'), own('lora_B.weight')];
  const ofProduct = ops.mm(ops.mulScalar(G, 2), ops.t(A));
  return {
    'lora_S.weight': ops.mm(ops.t(B), ofProduct),
    'lora_B.weight': ops.mm(ofProduct, ops.t(S)),
  };
}

/** Of A, N and B. */
function ofThree(own: Own, G: Tensor) {
  const [A, B] = [own('lora_A.weight'), own('lora_B.weight')];
  const N = own('lora_N.weight');
  const scaled = ops.mulScalar(G, 2);
  return {
    'lora_A.weight': ops.mm(ops.t(ops.mm(B, N)), scaled),
    'lora_N.weight': ops.mm(ops.mm(ops.t(B), scaled), ops.t(A)),
    'lora_B.weight': ops.mm(scaled, ops.t(ops.mm(N, A))),
  };
}

/**
 * The gradient of `w` for that of its rounded values, in closed form: `g (1 - e) + z <g, q - z (1 -
 * e)> / (N - 1)`, here with e, which is 1e-5 over the deviation.
 */
function throughCodes(w: Tensor, g: Tensor): Tensor {
  const count = w.numel;
  const mean = ops.mean(w);
  const centred = ops.sub(w, mean);
  const spread = ops.sqrt(ops.divScalar(ops.sum(ops.square(centred)), count - 1));
  const safe = ops.addScalar(spread, 1e-5);
  const z = ops.div(centred, safe);
  const q = ops.div(ops.sub(rounded(w, 2), mean), spread);
  // w' = q(z) d + m, with dz = (dw - dm) / safe - z dd / safe and dd = <centred, dw> / (d (N - 1)).
  const kept = ops.div(spread, safe);
  const ofSpread = ops.sub(ops.sum(ops.mul(g, q)), ops.mul(kept, ops.sum(ops.mul(g, z))));
  const dSpread = ops.div(centred, ops.mulScalar(spread, count - 1));
  const ofMean = ops.divScalar(ops.mul(ops.sum(g), ops.rsubScalar(kept, 1)), count);
  return ops.add(ops.add(ops.mul(g, kept), ofMean), ops.mul(dSpread, ofSpread));
}

const adapterFor = (method: Case['method']) => adapterOf(resolveMethod(method), 5n, 'float64');
const shapeOf = (method: Case['method'], { config }: Model): AdapterShape => {
  const shape = adapterShape(resolveMethod(method), config);
  if (shape === null) throw new Error('no adapter');
  return shape;
};

/** Hidden states of a few tokens, one after the other. */
function hidden(model: Model): readonly number[] {
  return scope(() => toArray(hiddenStates(model, Int32Array.from(countUp(1, 9)))));
}

/** Gives a model without an adapter the weights of one with. */
function copyBase(plain: Model, { adapted, parameters }: Model): void {
  scope(() => {
    for (const { path } of adapted.values()) {
      const name = `${path}.weight`;
      ops.copy_(plain.parameters.value(name), parameters.value(name));
    }
  });
}

/** The same, and the change that it adds. */
function addAdapter(plain: Model, model: Model): void {
  copyBase(plain, model);
  scope(() => {
    for (const { path } of model.adapted.values()) {
      const delta = tensorsOf(model, new Map(), null).delta(path);
      if (delta === null) throw new Error(path);
      const weight = plain.parameters.value(`${path}.weight`);
      ops.add_(weight, denseChangeOf(delta, weight.shape, 'float64'));
    }
  });
}

function gap(found: readonly number[], expected: readonly number[]): number {
  const most = Math.max(...expected.map(Math.abs));
  return Math.max(...found.map((x, i) => Math.abs(x - (expected[i] ?? Number.NaN)))) / most;
}

for (const [name, each] of Object.entries(cases)) {
  const { method, start, gradients, loses = false, layers = 3 * 7 } = each;
  test(`${name}: the model computes the same before the first step`, (t) => {
    const plain = aToyModel({ dtype: 'float64' });
    const adapted = aToyModel({ dtype: 'float64', adapter: adapterFor(method) });
    using _one = plain.parameters;
    using _two = adapted.parameters;
    if (loses) copyBase(plain, adapted);
    const found = gap(hidden(adapted), hidden(plain));
    t.true(found <= start + 1e-12, `${found}`);
    t.is(adapted.adapted.size, layers);
  });

  test(`${name}: weight decay pulls to the model of the files, or spares a tensor`, (t) => {
    const plain = aToyModel({ dtype: 'float64' });
    const adapted = aToyModel({ dtype: 'float64', adapter: adapterFor(method) });
    using _one = plain.parameters;
    using _two = adapted.parameters;
    if (loses) copyBase(plain, adapted);
    for (const { decayed, value } of adapted.parameters.trained()) {
      if (decayed) scope(() => ops.copy_(value, ops.zerosLike(value)));
    }
    const found = gap(hidden(adapted), hidden(plain));
    t.true(found <= 1e-12, `${found}`);
  });

  test(`${name}: trains its tensors alone, and merged weights compute the same`, async (t) => {
    using training = new Training({ dtype: 'float64', adapter: adapterFor(method) });
    const { model } = training;
    const fixed = () =>
      model.parameters
        .all()
        .filter(({ role }) => role !== 'trained')
        .map(({ name: each, value }) => [each, Buffer.from(toBytes(value))] as const);
    const before = fixed();
    await train(training.parts, freshState);
    const [first, last] = [training.ofType('step').at(0), training.ofType('step').at(-1)];
    t.true((last?.loss ?? 9) < (first?.loss ?? 0), `${first?.loss} to ${last?.loss}`);
    t.deepEqual(fixed(), before);

    const merged = aToyModel({ dtype: 'float64' });
    using _merged = merged.parameters;
    addAdapter(merged, model);
    t.true(gap(hidden(model), hidden(merged)) < 1e-10);
  });

  test(`${name}: gradients follow from that of the dense weight`, (t) => {
    const adapted = aToyModel({ dtype: 'float64', adapter: adapterFor(method) });
    using _two = adapted.parameters;
    const sequences = [aSequence([countUp(0, 12)]), aSequence([countUp(3, 7)])];
    const found = gradientsOf(adapted, sequences);
    // The dense gradient of the model that the adapter makes.
    const dense = aToyModel({ dtype: 'float64' });
    using _one = dense.parameters;
    addAdapter(dense, adapted);
    const expected = gradientsOf(dense, sequences);
    let compared = 0;
    for (const { path, out, in: inputs } of adapted.adapted.values()) {
      scope(() => {
        const G = tensor(expected.gradients.get(`${path}.weight`) ?? [], [out, inputs], 'float64');
        const own = (suffix: string) => adapted.parameters.value(`${path}.${suffix}`);
        for (const [suffix, gradient] of Object.entries(gradients(own, G))) {
          const got = found.gradients.get(`${path}.${suffix}`) ?? [];
          const want = toArray(gradient);
          t.is(got.length, want.length, suffix);
          const scale = Math.max(...toArray(G).map(Math.abs));
          const worst = Math.max(...got.map((x, i) => Math.abs(x - (want[i] ?? Number.NaN))));
          t.true(worst <= 1e-9 * scale * Math.max(1, ...want.map(Math.abs)), `${path} ${suffix}`);
          compared += 1;
        }
      });
    }
    t.true(compared >= layers);
  });

  test(`${name}: its values are as many as the plan counts`, (t) => {
    const adapter = adapterFor(method);
    const model = aToyModel({ adapter });
    const { parameters, adapted, config } = model;
    using _parameters = parameters;
    using factors = factorsInMemory(toySource({}), adapter);
    const shape = shapeOf(method, model);
    const lastPart = (path: string) => path.slice(path.lastIndexOf('.') + 1);
    const byName = Map.groupBy(adapted.values(), ({ path }) => lastPart(path));
    for (const [name, own] of byName) {
      const count = (role: 'trained' | 'kept') =>
        parameters
          .all()
          .filter(
            (one) => one.role === role && own.some(({ path }) => one.name.startsWith(`${path}.`)),
          )
          .reduce((sum, { value }) => sum + value.numel, 0);
      const taken = own.reduce((sum, layer) => {
        const initial = (suffix: string) => factors.initial(`${layer.path}.${suffix}`);
        const part = adapter?.takesOver?.(layer, initial);
        return part === undefined ? sum : sum + part.left.numel + part.right.numel;
      }, 0);
      const [{ out, in: inputs } = { out: 0, in: 0 }] = own;
      // A layer's own counts, or their mean over all blocks.
      const planned = shape.count({ name, out, in: inputs });
      const whole = [planned.trained, planned.kept, planned.taken].map((each) =>
        Math.round(each * config.L),
      );
      t.deepEqual([count('trained'), count('kept'), taken], whole, name);
    }
  });
}
