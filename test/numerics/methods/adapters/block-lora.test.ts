// Blocks that share A: the sum of their products is that of concatenated ones, and training is that
// of LoRA of one block's rank whose B learns as many times as fast.
import test from 'ava';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import type { Adapter } from '../../../../worker/methods/adapters/adapter.ts';
import { blockLora } from '../../../../worker/methods/adapters/block-lora.ts';
import { lora } from '../../../../worker/methods/adapters/lora.ts';
import { adamW } from '../../../../worker/methods/optimizers/adamw.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { toArray } from '../../../../worker/tensor/tensor.ts';
import { train } from '../../../../worker/train/loop.ts';
import { denseChanges } from '../../../builders/dense-change.ts';
import { aToyModel, plainAdamW, Training } from '../../../builders/toy-training.ts';

const own = { dropout: 0, seed: 3n, dtype: 'float64', targets: () => true } as const;
const ofBlocks = () => blockLora({ ...own, rank: 6, blocks: 3, alpha: 12 });

function worst(found: readonly number[], expected: readonly number[]): number {
  const gaps = found.map((x, i) => Math.abs(x - (expected[i] ?? Number.NaN)));
  return Math.max(...gaps) / Math.max(...expected.map(Math.abs));
}

test('sums of blocks are products of concatenated matrices', (t) => {
  const model = aToyModel({ dtype: 'float64', adapter: ofBlocks() });
  using _parameters = model.parameters;
  for (const { name, value } of model.parameters.trained()) {
    scope(() => ops.add_(value, normal(value.shape, 0.05, streamOf(3n, name), 'float64')));
  }
  for (const [path, found] of denseChanges(model)) {
    const A = model.parameters.value(`${path}.lora_A.weight`);
    const B = model.parameters.value(`${path}.lora_B.weight`);
    const product = scope(() => toArray(ops.mulScalar(ops.mm(B, ops.cat([A, A, A], 0)), 2)));
    const gap = worst(found, product);
    t.true(gap <= 1e-13, `${path}: ${gap}`);
  }
});

test('training is that of LoRA of one block, whose B learns three times as fast', async (t) => {
  const trained = async (adapter: Adapter) => {
    using training = new Training({
      ...{ dtype: 'float64', adapter, clip: { mode: 'None', norm: 1 } },
      optimizer: adamW({ ...plainAdamW, weightDecay: 0 }),
      plan: { totalSteps: 50, learningRate: () => 3e-3 },
    });
    await train(training.parts, freshState);
    return denseChanges(training.model);
  };
  const blocks = await trained(ofBlocks());
  const one = await trained(
    lora({
      ...{ ...own, rank: 2, alpha: 4, learningRateRatio: 3 },
      ...{ scaling: 'Standard', initialization: 'KaimingUniform' },
    }),
  );
  t.is(blocks.size, one.size);
  for (const [path, found] of blocks) {
    const gap = worst(found, one.get(path) ?? []);
    t.true(gap <= 1e-10, `${path}: ${gap}`);
  }
});
