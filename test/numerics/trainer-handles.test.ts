// Live tensors before and after each step are equal. In a file of its own: tests of one file take
// turns within a training, and this one counts the tensors of the whole process.
import test from 'ava';
import { freshState } from '../../worker/checkpoint/trainer-state.ts';
import { lora } from '../../worker/methods/adapters/lora.ts';
import { liveHandles } from '../../worker/tensor/memory.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { train } from '../../worker/train/loop.ts';
import { countUp, Training, type TrainingOptions } from '../builders/toy-training.ts';
import { aSequence } from '../builders/training.ts';

const adapter = lora({
  ...{ rank: 4, alpha: 8, dropout: 0.2, scaling: 'Standard', learningRateRatio: 2 },
  ...{ initialization: 'Gaussian', targets: () => true, seed: 5n, dtype: 'float32' },
});

const settings: readonly TrainingOptions[] = [
  {},
  { mode: 'recompute', clip: { mode: 'Block', norm: 1 } },
  { dtype: 'bfloat16', adapter },
  { dtype: 'bfloat16', mode: 'recompute', name: 'gemma2' },
  { dtype: 'bfloat16', mode: 'offload', adapter },
];

test('no tensor of a step survives it, nor one of an evaluation, a save, a skip or a rollback', async (t) => {
  setThreads(1);
  for (const options of settings) {
    using training = new Training({
      ...options,
      batches: [[aSequence([countUp(0, 9), countUp(20, 5)], 0), aSequence([countUp(11, 12)], 1)]],
      evaluation: [aSequence([countUp(3, 10)])],
      plan: {
        ...{ totalSteps: 7, evaluationInterval: 2 },
        nonFinite: { action: 'SkipStep', maxSkips: 1, maxRollbacks: 5, learningRateFactor: 1 },
      },
    });
    const { parts } = training;
    const batch = (position: number) => {
      const good = parts.batch(position);
      return position === 3 || position === 4 ? { ...good, targetTokens: Number.NaN } : good;
    };
    const before = liveHandles();
    const counts: number[] = [];
    const told: string[] = [];
    const emit: typeof parts.emit = (message) => {
      counts.push(liveHandles());
      told.push(message.type === 'warning' ? message.reason : message.type);
    };
    await train({ ...parts, batch, emit }, freshState);
    t.true(['step', 'evaluation', 'NonFinite', 'RolledBack'].every((type) => told.includes(type)));
    t.deepEqual(new Set([...counts, liveHandles()]), new Set([before]));
  }
});
