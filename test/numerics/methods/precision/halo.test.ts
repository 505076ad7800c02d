// HALO in a model: nothing but rounding where nothing is quantized, codes that follow their
// weights, layers that stay as they are.
import test from 'ava';
import { Halo, type HaloSettings } from '../../../../worker/methods/precision/halo.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { type Tensor, toBytes } from '../../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../../worker/tensor/threads.ts';
import { ToyRun } from '../../../builders/toy-run.ts';
import { temporaryFolder } from '../../../doubles/sources.ts';
import { golden } from '../../../toy/golden.ts';
import { draw } from '../../kernels/compare.ts';
import { isGoldenBy } from './golden-by.ts';

const settings: HaloSettings = {
  format: 'INT8',
  level: 2,
  reuses: true,
  rotation: 'Hartley',
  tokenBlock: 1024,
  excludes: () => false,
};

for (const each of golden.cases) {
  for (const level of [0, 1, 2, 3]) {
    test(`${each.name} has the golden loss and gradients at level ${level} where nothing is quantized`, (t) => {
      isGoldenBy(t, each, new Halo({ ...settings, level, format: 'Exact' }));
    });
  }
}

function linearOf(
  halo: Halo,
  x: Tensor,
  weight: Tensor,
  name = 'model.layers.0.mlp.up_proj.weight',
) {
  const [y] = halo.linears(x, [{ name, weight, bias: null }]);
  return toBytes(y as Tensor);
}

test('codes serve until their weight has changed', (t) => {
  scope(() => {
    const halo = new Halo(settings);
    const x = draw('x', [8, 48], 'bfloat16');
    const weight = draw('w', [16, 48], 'bfloat16');
    const first = linearOf(halo, x, weight);
    t.deepEqual(linearOf(halo, x, weight), first);
    ops.mul_(weight, ops.full([], -1, { dtype: 'bfloat16' }));
    halo.forget('model.layers.0.mlp.down_proj.weight');
    t.deepEqual(linearOf(halo, x, weight), first, 'nobody said that it has changed');
    halo.forget('model.layers.0.mlp.up_proj.weight');
    const second = linearOf(halo, x, weight);
    t.notDeepEqual(second, first);
    t.deepEqual(second, linearOf(new Halo(settings), x, weight));
    halo.forgetAll();
  });
});

test('layers that the job excludes, and widths that no rotation mixes, stay in the type of the model', (t) => {
  scope(() => {
    const odd = 2062;
    const x = draw('x', [4, odd], 'bfloat16');
    const weight = draw('w', [8, odd], 'bfloat16');
    const plain = toBytes(ops.linear(x, weight, null));
    const excluding = new Halo({
      ...{ ...settings, rotation: 'Blocks' },
      excludes: (path) => path.endsWith('.up_proj'),
    });
    t.deepEqual(linearOf(excluding, x, weight), plain);
    t.deepEqual(linearOf(new Halo(settings), x, weight), plain);
    const blocks = new Halo({ ...settings, rotation: 'Blocks' });
    t.notDeepEqual(linearOf(blocks, x, weight), plain);
    blocks.forgetAll();
    const parameter = (name: string, shape: readonly number[]) => ({
      ...{ name, shape, value: weight, layer: 3, role: 'trained' as const },
      ...{ learningRateFactor: 1, decayed: true },
    });
    const parameters = [
      parameter('model.layers.3.mlp.up_proj.weight', [8, odd]),
      parameter('model.layers.3.mlp.down_proj.weight', [odd, 8]),
      parameter('model.layers.3.mlp.up_proj.lora_A.weight', [8, odd]),
    ];
    t.deepEqual(new Halo(settings).fallbacks(parameters), [
      '1 of 2 linear layers stay in bfloat16: their 2062 inputs have an odd part of 1031, and a rotation mixes at most 1024 parts; rotation: Blocks has no such limit',
    ]);
    t.deepEqual(excluding.fallbacks(parameters), [
      '1 of 2 linear layers stay in bfloat16: the job excludes them',
    ]);
    t.deepEqual(blocks.fallbacks(parameters), []);
  });
});

test('layers beside one that stays as it is are computed as if alone', (t) => {
  scope(() => {
    const halo = new Halo({ ...settings, excludes: (path) => path.endsWith('.k_proj') });
    const x = draw('x', [8, 48], 'bfloat16');
    const weights = ['q', 'k', 'v'].map((role) => draw(role, [16, 48], 'bfloat16'));
    const layers = weights.map((weight, i) => ({
      ...{ name: `model.layers.0.self_attn.${'qkv'[i]}_proj.weight`, weight, bias: null },
    }));
    const alone = layers.map((layer) => toBytes(halo.linears(x, [layer])[0] as Tensor));
    t.deepEqual(halo.linears(x, layers).map(toBytes), alone);
    halo.forgetAll();
  });
});

async function lossesOf(method: Readonly<Record<string, unknown>>) {
  await using folder = await temporaryFolder();
  const run = await ToyRun.make(folder.path, {
    ...{ name: 'halo', method, training: { maxSteps: 8, learningRate: '2e-3' } },
  });
  const { training, artifacts } = await run.all();
  return { ...training, gaps: artifacts.map(({ reload }) => reload?.largestLogitGap) };
}

const forms = [
  { level: 0 },
  { level: 1, backward: 'Textbook', rotation: 'Hadamard' },
  { level: 2 },
  { level: 2, backward: 'Textbook', rotation: 'Blocks' },
  { level: 2, exclude: ['down_proj', 'o_proj'], masterWeights: 'StochasticRounding' },
  { level: 3, tokenBlock: 32 },
  { format: 'FP8' },
  { format: 'FP8', level: 1 },
];

test.serial(
  'each form of HALO learns what bfloat16 learns, and publishes what it has learned',
  async (t) => {
    setThreads(1);
    for (const preset of ['Full', 'LoRA']) {
      const plain = await lossesOf({ preset });
      t.true((plain.lastLoss ?? 9) < (plain.firstLoss ?? 0));
      for (const halo of forms) {
        const told = `${preset} ${JSON.stringify(halo)}`;
        const got = await lossesOf({ preset, precision: { type: 'HALO', halo } });
        const targetCount = (plain.firstLoss ?? 0) - (plain.lastLoss ?? 9);
        const off = Math.abs((got.lastLoss ?? 9) - (plain.lastLoss ?? 0));
        t.true(
          off < 0.25 * targetCount,
          `${told}: off by ${off}, bfloat16 has targetCount ${targetCount}`,
        );
        t.not(got.firstLoss, plain.firstLoss, `${told} computes as bfloat16 does`);
        t.deepEqual(got.gaps, [0], told);
      }
    }
  },
);
