// A training of a vision transformer, step by step as a job has it: pictures are learned by heart,
// with all of the model, with adapters and the head alone, on quantized weights, by selections of
// blocks and by gradients in subspaces.
import test from 'ava';
import { freshState } from '../../../worker/checkpoint/trainer-state.ts';
import { lora } from '../../../worker/methods/adapters/lora.ts';
import { adamW } from '../../../worker/methods/optimizers/adamw.ts';
import { exactSubspaces, galore } from '../../../worker/methods/optimizers/galore.ts';
import { lisa } from '../../../worker/methods/selection/lisa.ts';
import { nf4 } from '../../../worker/methods/weights/nf4.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { train } from '../../../worker/train/loop.ts';
import { visionConfig } from '../../../worker/vision/config.ts';
import { Training, type TrainingOptions } from '../../builders/toy-training.ts';
import { pictureSequence, toyPictures, visionSource, widePictures } from '../../toy/vision.ts';

test.before(() => setThreads(1));

const visionOf = (name: 'vit' | 'deit' | 'dinov2') => {
  const source = visionSource(name, { hidden_size: 32 });
  const config = visionConfig(source.config);
  const batch = [
    pictureSequence(config, toyPictures, { padding: 2 }),
    pictureSequence(config, widePictures, { key: 1 }),
  ];
  return { source, batches: [batch], evaluation: batch };
};

const aLora = lora({
  ...{ rank: 4, alpha: 8, dropout: 0.1, scaling: 'Standard', learningRateRatio: 1 },
  ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype: 'float32' },
});
const anAdamW = {
  ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
  masterWeights: 'Float32',
} as const;
const besideAdapter: TrainingOptions['trains'] = ({ name }) => name.startsWith('classifier');

const trainings = {
  'vit, all of it': visionOf('vit'),
  'dinov2, all of it': visionOf('dinov2'),
  'deit by factors and its head': {
    ...{ ...visionOf('deit'), adapter: aLora, trains: besideAdapter },
  },
  'dinov2 by factors on 4-bit weights': {
    ...{ ...visionOf('dinov2'), adapter: aLora, trains: besideAdapter },
    store: nf4({ blockSize: 32, scales: 'DoubleQuantized' }),
  },
  'vit, one block at a time': {
    ...visionOf('vit'),
    selection: (parameters) =>
      lisa(
        {
          ...{ activeLayers: 1, intervalSteps: 5, state: 'Drop', sampling: 'Uniform' },
          ...{ weights: [], seed: 3n },
        },
        parameters,
      ),
  },
  'dinov2 by gradients in subspaces': {
    ...visionOf('dinov2'),
    optimizer: galore(
      { rank: 8, scale: 1, weightDecay: 0, masterWeights: 'Float32' },
      adamW(anAdamW),
      exactSubspaces(20),
    ),
  },
} as const satisfies Readonly<Record<string, Partial<TrainingOptions>>>;

for (const [name, own] of Object.entries(trainings)) {
  test(`six pictures are learned by heart: ${name}`, async (t) => {
    const plan = { totalSteps: 60, evaluationInterval: 60 };
    using training = new Training({ config: {}, plan, ...own });
    await train(training.parts, freshState);
    const losses = training.ofType('step').map(({ loss }) => loss ?? Number.NaN);
    const [first = Number.NaN] = losses;
    t.is(losses.length, 60);
    t.true(first > 0.5 && (losses.at(-1) ?? Number.NaN) < 0.1, `${first} to ${losses.at(-1)}`);
    const [last] = training.ofType('evaluation').slice(-1);
    t.is(last?.accuracy, 1);
    t.is(last?.tokens, 6);
  });
}
