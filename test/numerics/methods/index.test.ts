// From the words of a job to what runs.
import test from 'ava';
import type { Method } from '../../../crds/api/method.ts';
import { type ResolvedMethod, resolveMethod } from '../../../crds/index.ts';
import { axisEntries } from '../../../crds/methods/index.ts';
import type { LinearLayer } from '../../../worker/methods/adapters/adapter.ts';
import { dropsInputs } from '../../../worker/methods/adapters/delta.ts';
import { adapterOf } from '../../../worker/methods/adapters/index.ts';
import { dtypeOf, optimizerOf, precisionOf, selectionOf } from '../../../worker/methods/index.ts';
import { adamW } from '../../../worker/methods/optimizers/adamw.ts';
import { sgd } from '../../../worker/methods/optimizers/sgd.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { aToyModel } from '../../builders/toy-training.ts';

const method = (written: Partial<Method>): ResolvedMethod => resolveMethod(written as Method);
const sizes = { L: 2, NH: 2, NK: 1, D: 4, I: 16 };
const layer = (path: string): LinearLayer => ({
  ...{ path, layer: 0, role: 'q', out: 4, in: 8, model: sizes },
});
const q = layer('model.layers.0.self_attn.q_proj');
const down = layer('model.layers.0.mlp.down_proj');

test('every member of the contract has an implementation of its name', (t) => {
  for (const { type } of axisEntries.optimizer) {
    t.is(optimizerOf(method({ optimizer: { type } as never }), 1e-4).name, type);
  }
  for (const { type } of axisEntries.adapter) {
    const adapter = adapterOf(method({ adapter: { type } as never }), 1n, 'float32');
    t.is(adapter?.name ?? 'None', type);
  }
  for (const { type } of axisEntries.precision) {
    const dtype = dtypeOf(method({ precision: { type } as never }));
    t.is(dtype, type === 'Float32' ? 'float32' : 'bfloat16');
    const precision = precisionOf(method({ precision: { type } as never }), {
      seed: 1n,
      blocks: 2,
    });
    t.is(precision?.name ?? null, /^(BFloat16|Float32)$/.test(type) ? null : type);
  }
  const model = aToyModel();
  using _parameters = model.parameters;
  for (const { type } of axisEntries.selection) {
    const resolved = method({ selection: { type } as never });
    t.is(selectionOf(resolved, model.parameters, 1n, [1, 2, 3]).name, type);
  }
});

const lora = (parameters: object, dtype: 'float32' | 'bfloat16' | 'float64' = 'float32') => {
  const adapter = adapterOf(
    method({ adapter: { type: 'LoRA', lora: parameters } as never }),
    7n,
    dtype,
  );
  if (adapter === null) throw new Error('there is no adapter');
  return adapter;
};

test('modules are named by their last parts or by their whole path', (t) => {
  const targetCount = (...targetModules: string[]) => {
    const adapter = lora({ targetModules });
    return [q, down].map((each) => adapter.targets(each));
  };
  t.deepEqual(targetCount('AllLinear'), [true, true]);
  t.deepEqual(targetCount('q_proj'), [true, false]);
  t.deepEqual(targetCount('mlp.down_proj'), [false, true]);
  t.deepEqual(targetCount(q.path, 'down_proj'), [true, true]);
  t.deepEqual(targetCount('proj', '_proj', 'self_attn', 'layers.0'), [false, false]);
});

const noWeight = (): never => {
  throw new Error('LoRA reads no weight');
};

test('rank, strength and scaling reach the adapter; strength is twice the rank when it is not said', (t) => {
  scope(() => {
    const scaleOf = (parameters: object) => {
      const adapter = lora(parameters);
      const tensors = adapter.initialize(q, noWeight).trained;
      t.is(tensors['lora_A.weight']?.shape[0], 4);
      return adapter.factors(q, (suffix) => tensors[suffix]!, null).scale;
    };
    t.is(scaleOf({ rank: 4 }), 2);
    t.is(scaleOf({ rank: 4, alpha: '6' }), 1.5);
    t.is(scaleOf({ rank: 4, alpha: '6', scaling: 'RankStabilized' }), 3);
  });
});

test('LoRA+ is the factor of its preset, or of the job', (t) => {
  const plus = adapterOf(method({ preset: 'LoRAPlus' }), 1n, 'float32');
  t.is(plus?.learningRateFactor('lora_B.weight'), 16);
  t.is(lora({ learningRateRatio: '3' }).learningRateFactor('lora_B.weight'), 3);
  t.is(lora({}).learningRateFactor('lora_B.weight'), 1);
});

test('dropout drops in training only', (t) => {
  scope(() => {
    const adapter = lora({ dropout: '0.5' });
    const tensors = adapter.initialize(q, noWeight).trained;
    const drops = (draw: Parameters<typeof adapter.factors>[2]) =>
      dropsInputs(adapter.factors(q, (suffix) => tensors[suffix]!, draw));
    t.true(drops({ seed: 1n, step: 0, key: 0 }));
    t.false(drops(null));
  });
});

test('adapters train in float32 beside any model, and in float64 beside a float64 one', (t) => {
  scope(() => {
    const typeOf = (dtype: 'float32' | 'bfloat16' | 'float64') =>
      lora({}, dtype).initialize(q, noWeight).trained['lora_A.weight']?.dtype;
    t.deepEqual((['float32', 'bfloat16', 'float64'] as const).map(typeOf), [
      'float32',
      'float32',
      'float64',
    ]);
  });
});

test('numbers of the job reach the optimizer', (t) => {
  const step = {
    ...{ learningRate: 0.1, count: 1, gradientScale: 1, decayed: true },
    stream: streamOf(1, 'axes.test'),
  };
  scope(() => {
    const adam = { betas: ['0.5', '0.75'], epsilon: '0.01', weightDecay: '0.3' };
    const cases = [
      [
        optimizerOf(method({ optimizer: { type: 'AdamW', adamW: adam } as never }), 1e-4),
        adamW({
          beta1: 0.5,
          beta2: 0.75,
          epsilon: 0.01,
          weightDecay: 0.3,
          masterWeights: 'Float32',
        }),
      ],
      [
        optimizerOf(method({ optimizer: { type: 'AdamW8bit', adamW8bit: adam } as never }), 1e-4),
        adamW({
          beta1: 0.5,
          beta2: 0.75,
          epsilon: 0.01,
          weightDecay: 0.3,
          masterWeights: 'Float32',
        }),
      ],
      [
        optimizerOf(
          method({
            optimizer: { type: 'SGD', sgd: { momentum: '0.5', weightDecay: '0.3' } } as never,
          }),
          1e-4,
        ),
        sgd({ momentum: 0.5, weightDecay: 0.3, masterWeights: 'Float32' }),
      ],
    ] as const;
    for (const pair of cases) {
      const moved = pair.map((optimizer) => {
        const value = tensor([1, -2, 3], [3], 'float32');
        const state = optimizer.initialize(value);
        for (const count of [1, 2]) {
          const gradient = tensor([0.5, 0.1, -0.2], [3], 'float32');
          optimizer.update(value, gradient, state, { ...step, count });
        }
        return toArray(value);
      });
      t.deepEqual(moved[0], moved[1], pair[0].name);
    }
  });
});

test('bfloat16 keeps float32 master weights unless the job wants stochastic rounding', (t) => {
  scope(() => {
    const hasMasterWeight = (masterWeights: string, type: string, size = 3) => {
      const written = {
        precision: { type: 'BFloat16', bfloat16: { masterWeights } },
        optimizer: { type },
      };
      const value = ops.zeros([size], { dtype: 'bfloat16' });
      return 'master' in optimizerOf(method(written as never), 1e-4).initialize(value);
    };
    for (const type of ['SGD', 'AdamW', 'AdamW8bit']) {
      t.true(hasMasterWeight('Float32', type), type);
      t.false(hasMasterWeight('StochasticRounding', type), type);
    }
    t.true(hasMasterWeight('Float32', 'AdamW8bit', 5000));
    t.false(hasMasterWeight('StochasticRounding', 'AdamW8bit', 5000));
  });
});
