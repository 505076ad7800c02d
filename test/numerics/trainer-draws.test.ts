// What the loop tells its parts beside gradients: where random numbers come from, and how many
// updates there were.
import test from 'ava';
import { freshState } from '../../worker/checkpoint/trainer-state.ts';
import { lora } from '../../worker/methods/adapters/lora.ts';
import type { Optimizer, UpdateStep } from '../../worker/methods/optimizers/optimizer.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { train } from '../../worker/train/loop.ts';
import { batchOf, countUp, Training } from '../builders/toy-training.ts';
import { aSequence } from '../builders/training.ts';

test.before(() => setThreads(1));

const same = [[aSequence([countUp(0, 12)])]];

/** Moves nothing, and remembers what it was told. */
function listener() {
  const told: UpdateStep[] = [];
  const optimizer: Optimizer = {
    name: 'Listener',
    initialize: () => ({}),
    update: (_value, _gradient, _state, step) => void told.push(step),
  };
  return { told, optimizer };
}

test('every step rounds each parameter by random numbers of its own, and the same when it is done again', async (t) => {
  const keysOf = async () => {
    const { told, optimizer } = listener();
    using training = new Training({ optimizer, batches: same, plan: { totalSteps: 3 } });
    await train(training.parts, freshState);
    return told.map(({ stream }) => stream.key);
  };
  const keys = await keysOf();
  t.true(keys.length > 3);
  t.is(new Set(keys).size, keys.length, 'no two updates share their numbers');
  t.deepEqual(await keysOf(), keys);
});

/** On one batch, with weights that stay: only what is dropped can differ. */
async function gradientNorms(dropout: number): Promise<readonly (number | null)[]> {
  const adapter = lora({
    ...{ rank: 4, alpha: 8, dropout, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype: 'float32' },
  });
  const { optimizer } = listener();
  using training = new Training({ adapter, optimizer, batches: same, plan: { totalSteps: 3 } });
  await train(training.parts, freshState);
  return training.ofType('step').map(({ gradNorm }) => gradNorm);
}

test('every step drops other values of the same batch', async (t) => {
  const steady = await gradientNorms(0);
  t.is(new Set(steady).size, 1, `without dropout one step is as the other: ${steady}`);
  const norms = await gradientNorms(0.5);
  t.is(new Set(norms).size, norms.length, `${norms}`);
});

test('a step that was skipped is no update: the next one has the number that it would have had', async (t) => {
  const { told, optimizer } = listener();
  using training = new Training({ optimizer, batches: same, plan: { totalSteps: 4 } });
  const batch = (position: number) => {
    const good = batchOf(same[0] ?? [], position);
    return position === 1 ? { ...good, targetTokens: Number.NaN } : good;
  };
  const { state } = await train({ ...training.parts, batch }, freshState);
  const each = training.model.parameters.trained().length;
  const counts = told.map(({ count }) => count);
  t.deepEqual(
    counts,
    [1, 2, 3].flatMap((count) => new Array<number>(each).fill(count)),
  );
  t.deepEqual([...new Set(Object.values(state.stepCounts))], [3]);
});
