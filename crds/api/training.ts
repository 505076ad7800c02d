// Steps, learning rate, batch size. The optimizer is an axis of the method: see method.ts.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { mutable } from '../schema/mutability.ts';
import { rule } from '../schema/rule.ts';
import { text } from '../schema/text.ts';
import { architectureSearch } from './architecture-search.ts';
import { trajectory } from './trajectory.ts';

const schedule = z.strictObject({
  type: z
    .enum(['Constant', 'Linear', 'Cosine', 'WarmupStableDecay'])
    .default('Cosine')
    .describe('Shape of the learning rate after the warm-up.'),
  warmupSteps: z
    .int32()
    .min(0)
    .default(0)
    .describe('Steps over which the learning rate rises from 0.'),
  minRatio: decimal({ min: 0, max: 1 })
    .default('0')
    .describe('Final rate, as a fraction of learningRate. Not used by Constant.'),
  decaySteps: z
    .int32()
    .min(1)
    .optional()
    .describe(
      'Last steps, over which the rate of WarmupStableDecay falls; a tenth of all steps when absent. Not used by others.',
    ),
});

const gradientClip = z.strictObject({
  mode: z
    .enum(['Global', 'Block', 'None'])
    .default('Global')
    .describe(
      'Global: by the norm of all gradients, where projected ones count in their subspaces. Block: each block by its own norm, which needs less memory but computes a different update; reports say so. None: no clipping.',
    ),
  norm: decimal({ above: 0 }).default('1').describe('Largest norm that is not clipped.'),
});

const nonFinitePolicy = z.strictObject({
  action: z
    .enum(['SkipStep', 'Rollback', 'Fail'])
    .default('SkipStep')
    .describe('Reaction to a loss or gradient that is not finite.'),
  maxSkips: z
    .int32()
    .min(0)
    .max(1000)
    .default(5)
    .describe('Skipped steps in a row before Rollback.'),
  maxRollbacks: z.int32().min(0).max(100).default(3).describe('Rollbacks before the job fails.'),
  learningRateFactor: decimal({ above: 0, max: 1 })
    .default('1')
    .describe('The learning rate is multiplied by this at each rollback.'),
});

const earlyStopping = z.strictObject({
  metric: z.enum(['Loss', 'Accuracy']).default('Loss').describe('Value that must improve.'),
  patience: z
    .int32()
    .min(1)
    .max(10_000)
    .describe('Evaluations without improvement before training stops.'),
  minDelta: decimal({ min: 0 })
    .default('0')
    .describe('Smallest change that counts as improvement.'),
});

const evaluation = z.strictObject({
  intervalSteps: z
    .int32()
    .min(1)
    .optional()
    .describe(
      'Steps between evaluations; when absent, only before the first step and after the last.',
    ),
  earlyStopping: earlyStopping
    .optional()
    .describe('Stops training when evaluation no longer improves.'),
});

const distillation = z.strictObject({
  teacher: z
    .enum(['Base'])
    .default('Base')
    .describe(
      'Base: the model as its files have it, without what the method changes. It passes once over the data before the first step; what it says is kept in the folder of the run.',
    ),
  weight: decimal({ above: 0, max: 1 })
    .default('0.5')
    .describe(
      'Share of the loss that is the divergence from the teacher; the rest is cross entropy. 1 leaves no other loss.',
    ),
  temperature: decimal({ above: 0, max: 100 })
    .default('1')
    .describe('Divides the logits of both before the divergence.'),
  topK: z
    .int32()
    .min(1)
    .max(1024)
    .default(64)
    .describe(
      'Most likely tokens of the teacher that are kept of each target token; all others count together. Each takes 8 bytes a target token on the disk.',
    ),
});

const samples = z.strictObject({
  prompts: z
    .array(text(8192))
    .min(1)
    .max(8)
    .describe('Prompts that the model completes at each evaluation.'),
  maxTokens: z.int32().min(1).max(4096).default(64).describe('Longest answer.'),
  temperature: decimal({ min: 0, max: 10 })
    .default('0')
    .describe(
      '0 always takes the most likely token; higher values vary more. Sampled with training.seed.',
    ),
});

const fields = z.strictObject({
  maxSteps: mutable(z.int32().min(0), 'Suspended')
    .optional()
    .describe('Optimizer steps; 0 trains nothing. Exactly one of maxSteps and epochs.'),
  epochs: mutable(decimal({ above: 0, max: 10_000 }), 'Suspended')
    .optional()
    .describe('Epochs, such as "3" or "0.5". Exactly one of maxSteps and epochs.'),
  globalBatchSize: z
    .int32()
    .min(1)
    .optional()
    .describe(
      'Sequences of one step over all devices: documents, or packed sequences of tokensPerSequence tokens. Exactly one of globalBatchSize and globalBatchTokens.',
    ),
  globalBatchTokens: z
    .int()
    .min(16)
    .optional()
    .describe(
      'Tokens of one step over all devices, for Packed data: a multiple of the size of a packed sequence. Exactly one of globalBatchSize and globalBatchTokens.',
    ),
  microBatchSize: mutable(z.int32().min(1), 'Suspended')
    .optional()
    .describe(
      'Sequences that one device computes at once, 1 when absent: more is faster for short sequences, and needs more memory. The result differs only by the order of sums and by dropout masks.',
    ),
  learningRate: mutable(decimal({ above: 0 }), 'Suspended').describe(
    'Peak learning rate of the schedule, such as "2e-4".',
  ),
  schedule: mutable(schedule, 'Suspended').prefault({}).describe('Learning rate schedule.'),
  gradientClip: mutable(gradientClip, 'Suspended').prefault({}).describe('Gradient clipping.'),
  seed: z.int().min(0).default(0).describe('Seed of all randomness except the order of the data.'),
  nonFinitePolicy: mutable(nonFinitePolicy, 'Suspended')
    .prefault({})
    .describe('Handling of losses and gradients that are not finite.'),
  evaluation: mutable(evaluation, 'Suspended')
    .prefault({})
    .describe('Evaluation on records that are not trained on.'),
  distillation: distillation
    .optional()
    .describe('Adds the divergence from a teacher to the loss. Evaluation is cross entropy.'),
  trajectory: trajectory
    .optional()
    .describe(
      'Learns, instead of from records, to find the noise that the base finds while it makes pictures of noise, with an update after each denoising step. Sequences are trajectories; an epoch is one trajectory of each.',
    ),
  architectureSearch: architectureSearch
    .optional()
    .describe('Searches operations and bits of a network for restoration.'),
  samples: mutable(samples, 'Suspended').optional().describe('Completions of fixed prompts.'),
});

export const training = rule(
  fields,
  {
    id: 'training: steps or epochs',
    cel: 'has(self.maxSteps) != has(self.epochs)',
    check: (self) => (self.maxSteps === undefined) !== (self.epochs === undefined),
    message: 'must have exactly one of maxSteps and epochs',
  },
  {
    id: 'training: batch in sequences or tokens',
    cel: 'has(self.globalBatchSize) != has(self.globalBatchTokens)',
    check: (self) =>
      (self.globalBatchSize === undefined) !== (self.globalBatchTokens === undefined),
    message: 'must have exactly one of globalBatchSize and globalBatchTokens',
  },
  {
    id: 'training: micro-batches fill the batch',
    cel: '!has(self.globalBatchSize) || !has(self.microBatchSize) || self.globalBatchSize % self.microBatchSize == 0',
    check: ({ globalBatchSize, microBatchSize }) =>
      globalBatchSize === undefined ||
      microBatchSize === undefined ||
      globalBatchSize % microBatchSize === 0,
    message: 'must divide globalBatchSize',
    path: ['microBatchSize'],
  },
  {
    id: 'training: skipping needs the whole gradient',
    cel: "self.nonFinitePolicy.action != 'SkipStep' || self.gradientClip.mode == 'Global'",
    check: (self) =>
      self.nonFinitePolicy.action !== 'SkipStep' || self.gradientClip.mode === 'Global',
    message:
      'is SkipStep, which cannot undo blocks that were already updated; without gradientClip.mode Global it must be Rollback or Fail',
    path: ['nonFinitePolicy', 'action'],
  },
);

/** Of a job without `training`: its method is NoTraining. */
export const noSteps = { maxSteps: 0, globalBatchSize: 1, learningRate: '1' } as const;

export type Training = z.output<typeof training>;
export type Schedule = Training['schedule'];
