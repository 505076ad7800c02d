// A training of an encoder, step by step as a job has it: examples are learned by heart, all of the
// model or factors and the head alone.
import test from 'ava';
import { freshState } from '../../../worker/checkpoint/trainer-state.ts';
import { lora } from '../../../worker/methods/adapters/lora.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { train } from '../../../worker/train/loop.ts';
import { Training, type TrainingOptions } from '../../builders/toy-training.ts';
import { classSequence, encoderSource, toyExamples } from '../../toy/encoder.ts';

test.before(() => setThreads(1));

const sequence = classSequence(toyExamples, { padding: 2 });
const options: TrainingOptions = {
  ...{ config: {}, batches: [[sequence]], evaluation: [sequence] },
  plan: { totalSteps: 60, evaluationInterval: 60 },
};
const trainings = {
  'bert, all of it': { source: encoderSource('bert') },
  'roberta by factors on query and value, and its head': {
    source: encoderSource('roberta'),
    adapter: lora({
      ...{ rank: 4, alpha: 8, dropout: 0.1, scaling: 'Standard', learningRateRatio: 1 },
      ...{ initialization: 'KaimingUniform', targets: (path) => /\.(query|value)$/.test(path) },
      ...{ seed: 5n, dtype: 'float32' },
    }),
    trains: ({ place }) => place === 'head',
  },
} as const satisfies Readonly<Record<string, TrainingOptions>>;

for (const [name, own] of Object.entries(trainings)) {
  test(`three examples are learned by heart: ${name}`, async (t) => {
    using training = new Training({ ...options, ...own });
    await train(training.parts, freshState);
    const losses = training.ofType('step').map(({ loss }) => loss ?? Number.NaN);
    const [first = Number.NaN] = losses;
    t.is(losses.length, 60);
    t.true(first > 0.5 && (losses.at(-1) ?? Number.NaN) < 0.05, `${first} to ${losses.at(-1)}`);
    const [last] = training.ofType('evaluation').slice(-1);
    t.is(last?.accuracy, 1);
    t.is(last?.tokens, 3);
  });
}
