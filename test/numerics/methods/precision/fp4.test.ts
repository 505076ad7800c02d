// Products in 4 bits in a model: nothing but rounding in float64, codes that follow their weights,
// blocks that stay as they are, draws by their place, and jobs that learn.
import test from 'ava';
import { Fp4, type Fp4Settings } from '../../../../worker/methods/precision/fp4.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { toBytes } from '../../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../../worker/tensor/threads.ts';
import { ToyRun } from '../../../builders/toy-run.ts';
import { temporaryFolder } from '../../../doubles/sources.ts';
import { golden } from '../../../toy/golden.ts';
import { draw, run } from '../../kernels/compare.ts';
import { isGoldenBy } from './golden-by.ts';

const settings: Fp4Settings = { format: 'NVFP4', seed: 7n, plainFrom: 99 };
const formats = ['NVFP4', 'MXFP4'] as const;

for (const each of golden.cases) {
  for (const format of formats) {
    test(`${each.name} has the golden loss and gradients by ${format}, whose rotations leave float64`, (t) => {
      isGoldenBy(t, each, new Fp4({ ...settings, format }));
    });
  }
}

const name = 'model.layers.2.mlp.up_proj.weight';

test('codes serve until their weight has changed', (t) => {
  scope(() => {
    const fp4 = new Fp4(settings);
    const x = draw('x', [8, 48], 'bfloat16');
    const weight = draw('w', [16, 48], 'bfloat16');
    const outputOf = (by: Fp4) => by.linears(x, [{ name, weight, bias: null }], null).map(toBytes);
    const first = outputOf(fp4);
    ops.mul_(weight, ops.full([], -1, { dtype: 'bfloat16' }));
    fp4.forget('model.layers.2.mlp.down_proj.weight');
    t.deepEqual(outputOf(fp4), first, 'nobody said that it has changed');
    fp4.forget(name);
    t.notDeepEqual(outputOf(fp4), first);
    t.deepEqual(outputOf(fp4), outputOf(new Fp4(settings)));
    fp4.forgetAll();
  });
});

test('gradients are drawn by seed, step, sequence and layer, and alike where these are', (t) => {
  scope(() => {
    const x = draw('x', [32, 48], 'bfloat16');
    const weight = draw('w', [32, 48], 'bfloat16');
    const seeds = [draw('dy', [32, 32], 'bfloat16')];
    for (const format of formats) {
      const at = { seed: 3n, step: 5, key: 1 };
      const of = (place: typeof at, layer = name) => {
        const fp4 = new Fp4({ ...settings, format });
        const made = run(
          (a, w) => fp4.linears(a!, [{ name: layer, weight: w!, bias: null }], place),
          [x, weight],
          seeds,
        );
        fp4.forgetAll();
        return [...made.outputs, ...made.gradients].map(toBytes);
      };
      const [y, ...gradients] = of(at);
      t.deepEqual(of({ ...at }), [y, ...gradients]);
      const others = [
        of({ ...at, seed: 4n }),
        of({ ...at, step: 6 }),
        of({ ...at, key: 2 }),
        of(at, name.replace('2', '3')),
      ];
      for (const [same, ...drawn] of others) {
        t.deepEqual(same, y, 'the forward draws nothing');
        for (const [i, one] of drawn.entries()) t.notDeepEqual(one, gradients[i], `${format} ${i}`);
      }
    }
  });
});

test('the last blocks stay in the type of the model, and it is said how many layers', (t) => {
  const fp4 = new Fp4({ ...settings, plainFrom: 3 });
  t.true(fp4.computes(name));
  t.false(fp4.computes(name.replace('2', '3')));
  scope(() => {
    const value = draw('w', [8, 8], 'bfloat16');
    const parameters = [2, 3, 4].map((layer) => ({
      ...{ name: name.replace('2', `${layer}`), shape: [8, 8], value, layer },
      ...{ role: 'trained' as const, learningRateFactor: 1, decayed: true },
    }));
    t.deepEqual(fp4.fallbacks(parameters), [
      '2 of 3 linear layers stay in bfloat16: those of the last blocks, by bfloat16Blocks of NVFP4',
    ]);
    t.deepEqual(new Fp4(settings).fallbacks(parameters), []);
  });
});

async function lossesOf(method: Readonly<Record<string, unknown>>) {
  await using folder = await temporaryFolder();
  const run = await ToyRun.make(folder.path, {
    ...{ name: 'fp4', method, training: { maxSteps: 8, learningRate: '2e-3' } },
  });
  const { training, artifacts } = await run.all();
  return { ...training, gaps: artifacts.map(({ reload }) => reload?.largestLogitGap) };
}

const rounded = { masterWeights: 'StochasticRounding' };
const precisions = [
  { type: 'NVFP4' },
  { type: 'NVFP4', nvfp4: { bfloat16Blocks: 1, ...rounded } },
  { type: 'MXFP4' },
];

test.serial(
  'each form learns what bfloat16 learns, and publishes what it has learned',
  async (t) => {
    setThreads(1);
    for (const preset of ['Full', 'LoRA']) {
      const plain = await lossesOf({ preset });
      const learned = (plain.firstLoss ?? 0) - (plain.lastLoss ?? 9);
      t.true(learned > 0);
      for (const precision of precisions) {
        const told = `${preset} ${JSON.stringify(precision)}`;
        const got = await lossesOf({ preset, precision });
        const off = Math.abs((got.lastLoss ?? 9) - (plain.lastLoss ?? 0));
        t.log(told, got.firstLoss, got.lastLoss, 'bfloat16', plain.firstLoss, plain.lastLoss);
        t.true(off < 0.3 * learned, `${told}: off by ${off}, bfloat16 has learned ${learned}`);
        t.not(got.firstLoss, plain.firstLoss, `${told} computes as bfloat16 does`);
        t.deepEqual(got.gaps, [0], told);
      }
    }
  },
);
