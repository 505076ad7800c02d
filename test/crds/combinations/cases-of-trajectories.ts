// Jobs that learn along trajectories of their base, and want what does not go with that.
import type { Cases } from './cases-of-values.ts';

type Changes = Readonly<Record<string, unknown>>;

const training = { epochs: '2', globalBatchSize: 32, learningRate: '5e-4' };
const along = {
  'model.task': 'Denoising',
  dataset: undefined,
  training: { ...training, trajectory: { steps: 20 } },
  method: { preset: 'EfficientDM' },
  'output.formats': ['MergedSafetensors'],
};

/** Such a job with these changes, and without. */
function following(changes: Changes) {
  return { meet: { ...along, ...changes }, apart: along };
}

const rounded = (fakeQuantized: Changes) => ({
  method: { preset: 'EfficientDM', base: { type: 'FakeQuantized', fakeQuantized } },
});

export const casesOfTrajectories: Cases = {
  'pictures are calibrated on where some are made': {
    meet: {
      'output.quantization': { trajectory: { steps: 10 } },
      'output.formats': ['CompressedTensors'],
    },
    apart: {
      ...{ 'output.quantization': {}, 'output.formats': ['CompressedTensors'] },
    },
  },
  'trajectories are those of models that make pictures': following({
    'model.task': undefined,
    dataset: { sequenceLength: 64 },
  }),
  'what follows the base along trajectories is in few bits': following({
    method: { preset: 'LoRA' },
  }),
  'what learns along trajectories is the change of LoRA': following({
    method: { preset: 'EfficientDM', adapter: { type: 'None' } },
  }),
  'scales that follow trajectories are learned integers': following(rounded({ scales: 'Fitted' })),
  'rates along trajectories follow from the scales': following(
    rounded({ learningRateRatio: '0.3' }),
  ),
  'tables of inputs divide a trajectory': following(rounded({ inputs: { bits: 4, steps: 3 } })),
  'inputs are rounded by denoising step': {
    meet: { method: { preset: 'EfficientDM' } },
    apart: { method: { preset: 'L4Q' } },
  },
  'trajectories have no records': following({ dataset: { shuffleSeed: 3 } }),
};
