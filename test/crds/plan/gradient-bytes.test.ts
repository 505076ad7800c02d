// Gradients of a block, against counts by hand.
import test from 'ava';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { gradientBytes, lowValues } from '../../../crds/plan/gradient-bytes.ts';
import type { MemoryQuestion } from '../../../crds/plan/memory-question.ts';
import { parametersOf } from '../../../crds/plan/parameters.ts';
import { smol135 } from '../../builders/facts.ts';

const { blockMatrices, blockVectors } = parametersOf(smol135);
const block = blockMatrices + blockVectors;

const asked = (method: object, more: Partial<MemoryQuestion> = {}): MemoryQuestion => ({
  ...{ facts: smol135, method: resolveMethod(method), microBatchTokens: 512, perWave: 1, waves: 1 },
  ...{ shards: 1, clip: 'Global', recomputation: 'None', targetShare: 1 },
  ...{ formats: [], device: { type: 'cpu', bytes: 2 ** 34 } },
  ...more,
});

test('two bytes a value; four, and two of one micro-batch, where several are added', (t) => {
  const one = gradientBytes(asked({ preset: 'Full', precision: { type: 'BFloat16' } }));
  t.deepEqual(one, { made: 2 * block, offered: 2 * block, waiting: 2 * block });
  const method = { preset: 'Full', precision: { type: 'BFloat16' } };
  const two = gradientBytes(asked(method, { perWave: 2 }));
  t.deepEqual(two, { made: 6 * block, offered: 4 * block, waiting: 4 * block });
});

test('what waits of projected gradients is what the optimizer sees: a quarter of the smaller sides, in float32', (t) => {
  const { H, NK, D, I } = smol135;
  const rank = H / 4;
  const low = 2 * rank * H + 2 * ((NK * D) / 4) * H + 3 * rank * I;
  t.is(lowValues(smol135, resolveMethod({ preset: 'QGaLore' })), low);
  t.is(lowValues(smol135, resolveMethod({ preset: 'Full' })), null);
  const bytes = gradientBytes(asked({ preset: 'QGaLore' }));
  t.is(bytes.offered, 2 * block);
  t.is(bytes.waiting, 4 * low + 2 * blockVectors);
});

test('gradients of what layers put out are more than those of weights where a micro-batch is long', (t) => {
  const { H, NH, NK, D, I } = smol135;
  const outputs = (NH + 2 * NK) * D + 2 * H + 2 * I;
  const low = lowValues(smol135, resolveMethod({ preset: 'GaLore' })) ?? 0;
  const method = { preset: 'GaLore', precision: { type: 'BFloat16' } };
  const { made } = gradientBytes(asked(method, { microBatchTokens: 4096 }));
  t.is(made, 4096 * 2 * (outputs + I + 2 * H) + 4 * low);
  // Ranks of a world make them whole.
  const shared = gradientBytes(asked(method, { microBatchTokens: 4096, shards: 2 }));
  t.is(shared.made, 2 * block);
});
