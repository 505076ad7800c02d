// What does not go together with learning along the trajectories of the base (EfficientDM), and
// with grids of inputs, which train there alone.
import { dataset } from '../api/dataset.ts';
import type { FineTuneJobSpec } from '../api/job.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { Pair } from './pair.ts';

type Meets = Pair['meets'];

/** Of jobs along trajectories. */
const along =
  (meets: Meets): Meets =>
  (spec, method) =>
    spec.training.trajectory !== undefined && meets(spec, method);

/** Of these, where weights are rounded. */
const rounded = (
  meets: (own: Rounded, spec: FineTuneJobSpec, method: ResolvedMethod) => boolean,
): Meets =>
  along((spec, method) => {
    const { base } = method;
    return base.type === 'FakeQuantized' && meets(base.fakeQuantized, spec, method);
  });

type Rounded = Extract<ResolvedMethod['base'], { type: 'FakeQuantized' }>['fakeQuantized'];

const grid = ['method', 'base', 'fakeQuantized'];

export const pairsOfTrajectories: readonly Pair[] = [
  {
    id: 'pictures are calibrated on where some are made',
    path: ['output', 'quantization', 'trajectory'],
    meets: ({ model, output }) =>
      output.quantization?.trajectory !== undefined && model.task !== 'Denoising',
    cel: "!has(self.output.quantization) || !has(self.output.quantization.trajectory) || has(self.model.task) && self.model.task == 'Denoising'",
    sentence: 'is set, but spec.model.task is not Denoising: the model makes no pictures',
    hint: 'leave it out',
  },
  {
    id: 'trajectories are those of models that make pictures',
    path: ['training', 'trajectory'],
    meets: along(({ model }) => model.task !== 'Denoising'),
    cel: "!has(self.training.trajectory) || has(self.model.task) && self.model.task == 'Denoising'",
    sentence: 'is set, but spec.model.task is not Denoising: there is no noise to take away',
    hint: 'leave it out, or set spec.model.task: Denoising',
  },
  {
    id: 'what follows the base along trajectories is in few bits',
    path: ['training', 'trajectory'],
    meets: along((_, { base }) => base.type !== 'FakeQuantized'),
    sentence:
      'is set, but method.base is not FakeQuantized: the model begins as the base, so there is nothing to learn',
    hint: 'write method: { preset: EfficientDM }',
  },
  {
    id: 'what learns along trajectories is the change of LoRA',
    path: ['method', 'adapter', 'type'],
    meets: along((_, { adapter }) => adapter.type === 'None'),
    sentence:
      'is None, but training.trajectory is set, whose learning rates are those of the factors of LoRA and of scales',
    hint: 'write method: { preset: EfficientDM }',
  },
  {
    id: 'scales that follow trajectories are learned integers',
    path: grid,
    meets: rounded(
      ({ gguf, trains, scales }) =>
        gguf !== undefined || trains === 'Scales' || scales === 'Fitted',
    ),
    sentence:
      'has gguf, trains: Scales or scales: Fitted, but training.trajectory is set, which trains factors and the scales of integers together',
    hint: 'leave them out',
  },
  {
    id: 'rates along trajectories follow from the scales',
    path: [...grid, 'learningRateRatio'],
    meets: rounded((_, { method }) => method.base?.fakeQuantized?.learningRateRatio !== undefined),
    sentence:
      'is set, but training.trajectory has rates of its own: those of EfficientDM, by the scales of each layer',
    hint: 'leave it out; training.learningRate is that of the scales of inputs',
  },
  {
    id: 'tables of inputs divide a trajectory',
    path: [...grid, 'inputs', 'steps'],
    meets: rounded(
      ({ inputs }, { training }) =>
        inputs !== undefined && (training.trajectory?.steps ?? 1) % inputs.steps !== 0,
    ),
    sentence: 'must divide training.trajectory.steps, so that each scale is of as many steps',
    hint: 'write the same number in both',
  },
  {
    id: 'inputs are rounded by denoising step',
    path: [...grid, 'inputs'],
    meets: ({ training }, { base }) =>
      base.type === 'FakeQuantized' &&
      base.fakeQuantized.inputs !== undefined &&
      training.trajectory === undefined,
    sentence: 'is set, but training.trajectory is not, along which alone scales of inputs train',
    hint: 'set spec.training.trajectory: {}, or leave it out',
  },
  {
    id: 'trajectories have no records',
    path: ['dataset'],
    meets: (spec) =>
      spec.model.task === 'Denoising' &&
      spec.dataset.train === undefined &&
      fieldsBeside(spec).length > 0,
    sentence: 'has fields, but the job has no records',
    hint: 'leave spec.dataset out',
  },
];

/** Fields of the data set that are not as in a job without one. */
function fieldsBeside({ dataset: own }: FineTuneJobSpec): readonly string[] {
  const absent: Readonly<Record<string, unknown>> = dataset.parse({});
  return Object.entries(own).flatMap(([key, value]) =>
    key === 'train' || value === undefined || value === absent[key] ? [] : [key],
  );
}
