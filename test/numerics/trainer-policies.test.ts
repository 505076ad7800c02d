// What the loop does when numbers go wrong, and when it does not get better any more.
import test from 'ava';
import { freshState } from '../../worker/checkpoint/trainer-state.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { type NonFinitePolicy, type TrainerPlan, train } from '../../worker/train/loop.ts';
import {
  batchOf,
  countUp,
  MemoryCheckpoints,
  Training,
  type TrainingOptions,
} from '../builders/toy-training.ts';
import { aSequence } from '../builders/training.ts';

test.before(() => setThreads(1));

const skip: NonFinitePolicy = {
  ...{ action: 'SkipStep', maxSkips: 2, maxRollbacks: 2, learningRateFactor: 0.5 },
};
const sequences = [0, 1, 2, 3, 4].map((n) => [aSequence([countUp(n, 10)], n)]);

/** The batches at these positions give a loss and gradients that are no numbers. */
function poisoned(at: (position: number) => boolean, nonFinite: NonFinitePolicy, more = {}) {
  const options: TrainingOptions = {
    batches: sequences,
    plan: { totalSteps: 6, nonFinite },
    ...more,
  };
  const training = new Training(options);
  const batch = (position: number) => {
    const good = batchOf(sequences[position % sequences.length] ?? [], position);
    return at(position) ? { ...good, targetTokens: Number.NaN } : good;
  };
  return { training, parts: { ...training.parts, batch } };
}

const warnings = (training: Training) => training.ofType('warning').map(({ message }) => message);

test('a step that is not finite is skipped: nothing moves, nothing counts, the next batch comes', async (t) => {
  const { training, parts } = poisoned((position) => position === 2, skip);
  using _training = training;
  const bits: ReadonlyMap<string, Buffer>[] = [];
  const emit = (message: Parameters<typeof parts.emit>[0]) => {
    training.messages.push(message);
    if (message.type === 'step') bits.push(training.bits());
  };
  const { state, reason } = await train({ ...parts, emit }, freshState);
  t.is(reason, 'Finished');
  t.like(state, { step: 6, updates: 5, position: 6, skipsInRow: 0, rollbacks: 0 });
  t.deepEqual(bits[2], bits[1]);
  t.notDeepEqual(bits[3], bits[2]);
  const skipped = training.ofType('step')[2];
  t.like(skipped, { step: 3, loss: null, gradNorm: null, skipped: true });
  t.false('skipped' in (training.ofType('step')[3] ?? {}));
  t.deepEqual(warnings(training), [
    'step 3: loss or gradient is not finite; the step was skipped (1 of 2 in a row)',
  ]);
});

test('more skips in a row than are allowed go back to the last checkpoint, leaving the batches out', async (t) => {
  const { training, parts } = poisoned((position) => position >= 2 && position <= 4, skip);
  using _training = training;
  const checkpoints = new MemoryCheckpoints(training, ({ step }) => step === 2);
  const drawn: number[] = [];
  const batch = (position: number) => {
    drawn.push(position);
    return parts.batch(position);
  };
  const { state } = await train({ ...parts, batch, checkpoints }, freshState);
  // Two skips, then the third bad batch in a row; back at step 2 the data goes on behind it.
  t.deepEqual(drawn, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  t.like(state, { step: 6, updates: 6, position: 9, rollbacks: 1, learningRateFactor: 0.5 });
  t.deepEqual(warnings(training).slice(-1), [
    'step 5: not finite; rolled back to step 2, skipping this batch',
  ]);
  const rates = training.ofType('step').map(({ learningRate }) => learningRate);
  t.deepEqual(rates, [...new Array(5).fill(1e-2), ...new Array(4).fill(5e-3)]);
});

test('Rollback puts back every tensor, also those that were stepped before the bad block', async (t) => {
  const { training, parts } = poisoned(
    (position) => position === 3,
    { ...skip, action: 'Rollback', learningRateFactor: 1 },
    { clip: { mode: 'Block', norm: 1 } },
  );
  using _training = training;
  const { state } = await train(parts, freshState);
  t.like(state, { step: 6, updates: 6, position: 7, rollbacks: 1 });

  // The same training with a list of batches that never had the bad one.
  using clean = new Training({ clip: { mode: 'Block', norm: 1 }, plan: { totalSteps: 6 } });
  const without = (position: number) => {
    const behind = position < 3 ? position : position + 1;
    return batchOf(sequences[behind % sequences.length] ?? [], position);
  };
  await train({ ...clean.parts, batch: without }, freshState);
  t.deepEqual(training.bits(), clean.bits());
});

test('a batch that stays bad after every rollback ends the run in words', async (t) => {
  const { training, parts } = poisoned((position) => position >= 2, {
    ...skip,
    action: 'Rollback',
  });
  using _training = training;
  await t.throwsAsync(train(parts, freshState), {
    code: 'E_DIVERGED',
    message: 'step 3: not finite again after 2 rollbacks; 2 are allowed',
  });
  t.is(warnings(training).length, 2);
});

test('without a checkpoint there is nothing to go back to', async (t) => {
  const { training, parts } = poisoned(() => true, { ...skip, action: 'Rollback' });
  using _training = training;
  await t.throwsAsync(train(parts, freshState), {
    code: 'E_DIVERGED',
    message: 'step 1: loss or gradient is not finite, and there is no checkpoint to roll back to',
  });
});

test('Fail ends the run with the first step that is not finite', async (t) => {
  const { training, parts } = poisoned((position) => position === 1, { ...skip, action: 'Fail' });
  using _training = training;
  await t.throwsAsync(train(parts, freshState), {
    code: 'E_DIVERGED',
    message:
      'step 2: loss or gradient is not finite, and spec.training.nonFinitePolicy.action is Fail',
  });
});

/** Measured on what is learned, so that it gets better for a while. */
const held: readonly HostSequence[] = [aSequence([countUp(0, 10)])];

function measured(plan: Partial<TrainerPlan>, more: TrainingOptions = {}): Training {
  return new Training({
    ...{ batches: [held], evaluation: held, ...more },
    plan: { totalSteps: 20, evaluationInterval: 2, ...plan },
  });
}

test('evaluations come before the first step, at their interval and after the last', async (t) => {
  using training = measured({ totalSteps: 5 });
  const { state } = await train(training.parts, freshState);
  t.deepEqual(
    state.evaluations.map(({ step }) => step),
    [0, 2, 4, 5],
  );
  t.deepEqual(
    training.ofType('evaluation').map(({ step }) => step),
    [0, 2, 4, 5],
  );
  using ends = measured({ totalSteps: 3, evaluationInterval: null });
  const { state: last } = await train(ends.parts, freshState);
  t.deepEqual(
    last.evaluations.map(({ step }) => step),
    [0, 3],
  );
});

test('the best evaluation after the start is remembered, and told as it happens', async (t) => {
  // Learns for six steps, then is thrown off by a rate far too large.
  using training = measured({ totalSteps: 10, learningRate: (step) => (step < 6 ? 2e-2 : 3) });
  const { state } = await train(training.parts, freshState);
  const losses = state.evaluations.filter(({ step }) => step > 0);
  const lowest = losses.toSorted((a, b) => (a.loss ?? 99) - (b.loss ?? 99))[0];
  t.is(lowest?.step, 6);
  t.deepEqual(state.best, { step: 6, value: lowest?.loss ?? 0 });
  t.is(state.stale, 2);
  const told = training.ofType('evaluation').map(({ best }) => best);
  t.deepEqual(told, [false, true, true, true, false, false]);
});

test('the start never counts as the best: a model that only gets worse has a best step of its own', async (t) => {
  using training = measured({ totalSteps: 4, learningRate: () => 3 });
  const { state } = await train(training.parts, freshState);
  const [before, first] = state.evaluations;
  t.true((before?.loss ?? 0) < (first?.loss ?? 0));
  t.true((state.best?.step ?? 0) > 0);
});

test('a run that does not get better ends after so many evaluations as patience says', async (t) => {
  const earlyStopping = { metric: 'Loss', patience: 3, minDelta: 0 } as const;
  using training = measured({ earlyStopping, learningRate: () => 0 });
  const { state, reason } = await train(training.parts, freshState);
  t.is(reason, 'FinishedEarly');
  // The first one is better than none; three more are not better than it.
  t.is(state.step, 8);
  t.is(state.stale, 3);
  const [last] = (training.parts.checkpoints as MemoryCheckpoints).saved.slice(-1);
  t.is(last?.step, 8);
});

test('an improvement that is smaller than minDelta is none', async (t) => {
  const stopping = (minDelta: number) =>
    measured({ earlyStopping: { metric: 'Loss', patience: 2, minDelta }, totalSteps: 12 });
  using strict = stopping(1e6);
  t.is((await train(strict.parts, freshState)).state.step, 6);
  using lenient = stopping(0);
  t.is((await train(lenient.parts, freshState)).reason, 'Finished');
});

test('accuracy can be what has to get better', async (t) => {
  const earlyStopping = { metric: 'Accuracy', patience: 50, minDelta: 0 } as const;
  using training = measured({ earlyStopping });
  const { state } = await train(training.parts, freshState);
  const best = state.evaluations
    .filter(({ step }) => step > 0)
    .toSorted((a, b) => (b.accuracy ?? 0) - (a.accuracy ?? 0))[0];
  t.is(best?.accuracy, 1, 'it knows its text in the end');
  t.deepEqual(state.best, { step: best?.step ?? 0, value: -1 });
});

test('a run that ended early stays so when it is started again', async (t) => {
  const earlyStopping = { metric: 'Loss', patience: 1, minDelta: 0 } as const;
  using training = measured({ earlyStopping, learningRate: () => 0 });
  const { state } = await train(training.parts, freshState);
  const again = await train(training.parts, state);
  t.is(again.reason, 'FinishedEarly');
  t.deepEqual(again.state, state);
});

test('nothing held out means no evaluation and no early end', async (t) => {
  const earlyStopping = { metric: 'Loss', patience: 1, minDelta: 0 } as const;
  using training = new Training({ plan: { totalSteps: 4, evaluationInterval: 1, earlyStopping } });
  const { state, reason } = await train(training.parts, freshState);
  t.is(reason, 'Finished');
  t.deepEqual([state.evaluations, state.best], [[], null]);
});

test('answers are asked for before the first step and with each evaluation', async (t) => {
  let asked = 0;
  const sample = async () => {
    asked += 1;
    return [{ prompt: 'how?', text: `answer ${asked}` }];
  };
  using training = measured({ totalSteps: 4 }, { parts: { sample } });
  const { state } = await train(training.parts, freshState);
  t.deepEqual(
    training.ofType('sample').map(({ step, text }) => [step, text]),
    [
      [0, 'answer 1'],
      [2, 'answer 2'],
      [4, 'answer 3'],
    ],
  );
  t.deepEqual(state.samplesBefore, ['answer 1']);
});
