// PV-Tuning beside what it is a middle of: codebooks alone, straight-through estimation, and the
// linearised step. Blocks of a toy learn eight texts by heart, from the same codes.
import test from 'ava';
import { freshState } from '../../worker/checkpoint/trainer-state.ts';
import type { CodeSettings } from '../../worker/methods/optimizers/pv-tuning.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { train } from '../../worker/train/loop.ts';
import { aPvTuning, toyCodebook, toyCodes } from '../builders/pv-tuning.ts';
import { countUp, Training } from '../builders/toy-training.ts';
import { aSequence } from '../builders/training.ts';

test.before(() => setThreads(1));

const batches = Array.from({ length: 8 }, (_, n) => [aSequence([countUp(n, 40)], n)]);
const published = { ...toyCodes, rateRatio: 3 };

/** Mean loss of the last round over the texts, after a hundred steps. */
async function lossWith(codes: CodeSettings | null): Promise<number> {
  using training = new Training({
    codebook: toyCodebook,
    optimizer: aPvTuning(codes),
    batches,
    clip: { mode: 'None', norm: 1 },
    trains: ({ place }) => typeof place === 'number',
    plan: { totalSteps: 100, learningRate: () => 3e-3 },
  });
  await train(training.parts, freshState);
  const losses = training.ofType('step').map(({ loss }) => loss ?? Number.NaN);
  return losses.slice(-batches.length).reduce((sum, loss) => sum + loss, 0) / batches.length;
}

test('codes that move with codebooks learn more than codebooks alone, be they few or all', async (t) => {
  const alone = await lossWith(null);
  const few = await lossWith(published);
  const straight = await lossWith({ ...published, maxChange: 1 });
  // What the specification asks of the divergence on a model of a million weights.
  t.true(few <= 0.85 * alone, `${few} with codes, ${alone} without`);
  t.true(straight <= 0.85 * alone, `${straight} where all may move, ${alone} without`);
});

test('the linearised step on all groups moves no code: it learns what codebooks learn, to the last bit', async (t) => {
  const naive = { ...published, maxChange: 1, deltaDecay: 1, rateRatio: 1 };
  t.is(await lossWith(naive), await lossWith(null));
});
