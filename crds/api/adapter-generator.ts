// AdapterGenerator: a network that learns from adapters of sibling jobs, and makes an adapter for a
// task vector. A kind beside FineTuneJob: it reads what jobs have made, and trains no model.
import * as z from 'zod';
import { apiVersion } from '../names/group.ts';
import { decimal } from '../schema/decimal.ts';
import { text } from '../schema/text.ts';
import { exactlyOne } from '../schema/union.ts';
import { dataset, trainSource } from './dataset.ts';
import { objectMeta } from './job.ts';
import { model } from './model.ts';
import { folderOf } from './source.ts';

export const generatorKind = 'AdapterGenerator';

const name = text(63, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'small letters, digits and hyphens');
const seed = z.int().min(0).default(0);
const { format, maxSamples, chatTemplate, chatTemplateArguments } = dataset.shape;
const sequenceLength = dataset.shape.sequenceLength
  .unwrap()
  .describe('Maximum length of a document, in tokens.');

const task = z.strictObject({
  name: name.describe('Name of the task.'),
  records: trainSource.describe(
    'Records of the task: prompts for its vector, answers on which adapters are evaluated.',
  ),
  adapters: z
    .array(folderOf('adapters'))
    .min(1)
    .max(1024)
    .describe(
      'Folders of adapters in PEFT form that were trained for the task: late checkpoints, or seeds. The last one is the own adapter of the task, with which others are compared.',
    ),
});

const asked = exactlyOne(
  z.strictObject({
    name: name.describe('Name of the folder that the adapter is put into.'),
    task: name.optional().describe('Task whose vector is the condition.'),
    examples: trainSource
      .optional()
      .describe(
        'Records of a task that has no adapter, whose prompts make the condition. Needs taskVectors.model: Base.',
      ),
    seed: seed.describe('Names the latent vector: the same seed gives the same adapter.'),
  }),
  'a generated adapter has one condition',
  ['task', 'examples'],
);

const taskVectors = z.strictObject({
  model: z
    .enum(['OwnAdapter', 'Base'])
    .default('OwnAdapter')
    .describe(
      'What reads the prompts: the base with the own adapter of the task, as in the paper; or the base alone, which tasks without an adapter have too.',
    ),
  examples: z
    .int32()
    .min(1)
    .max(100_000)
    .default(30)
    .describe('Prompts whose last hidden states are averaged.'),
});

const network = z.strictObject({
  latent: z.int32().min(1).max(65_536).default(256).describe('Size of the latent vector.'),
  channels: z
    .array(z.int32().min(2).max(4096))
    .min(1)
    .max(24)
    .default([8, 16, 32, 64, 128, 256, 256, 128, 64, 32, 16, 8])
    .describe(
      'Channels of the blocks of the encoder, each of which halves the length; the decoder mirrors them. Of small adapters inner blocks are left out.',
    ),
  kernel: z
    .literal([3, 5, 7, 9, 11, 13, 15])
    .default(7)
    .describe('Width of the convolutions; odd, from 3 to 15.'),
});

const training = z.strictObject({
  epochs: z.int32().min(1).max(1_000_000).default(2000).describe('Passes over all adapters.'),
  batchSize: z.int32().min(1).max(1024).default(2).describe('Adapters of a step.'),
  learningRate: decimal({ above: 0 })
    .default('2e-4')
    .describe('Rate of AdamW at the first step; it falls to 0 as a cosine.'),
  divergenceWeight: decimal({ min: 0 })
    .default('0.005')
    .describe('Weight of the divergence of the latent vectors from a normal distribution.'),
  seed: seed.describe('Of the beginning, the order of the adapters, and latent vectors.'),
  checkpointEpochs: z
    .int32()
    .min(1)
    .default(100)
    .describe('Epochs after which it is saved; it goes on from there after a kill.'),
});

export const generatorSpec = z.strictObject({
  model: model.describe('The base of all adapters.'),
  dataset: z
    .strictObject({ format, sequenceLength, maxSamples, chatTemplate, chatTemplateArguments })
    .describe('How records of all tasks are read.'),
  precision: z
    .enum(['BFloat16', 'Float32'])
    .default('BFloat16')
    .describe('Arithmetic of the base, for task vectors and evaluation.'),
  tasks: z.array(task).min(1).max(1024).describe('What it learns from.'),
  taskVectors: taskVectors.prefault({}).describe('How a task becomes a condition.'),
  network: network.prefault({}).describe('Sizes of the network.'),
  training: training.prefault({}).describe('How the network is trained.'),
  generate: z.array(asked).min(1).max(1024).describe('Adapters to make.'),
  destination: folderOf('destination').describe('Folder for the generator and the adapters.'),
});

export type GeneratorSpec = z.output<typeof generatorSpec>;
export type AskedAdapter = GeneratorSpec['generate'][number];

export const adapterGenerator = z.strictObject({
  apiVersion: z.literal(apiVersion).describe('Version of the schema of this file.'),
  kind: z.literal(generatorKind).describe('Kind of the object.'),
  metadata: objectMeta.describe('Name, namespace and labels of the generator.'),
  spec: generatorSpec.describe('The desired state.'),
});

export type AdapterGenerator = z.output<typeof adapterGenerator>;
