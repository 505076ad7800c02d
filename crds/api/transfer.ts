// Transfer: an adapter of one base is made again for another one, without the records that it was
// trained on (Trans-LoRA). A kind beside FineTuneJob, whose spec is that of the job that trains the
// new adapter; what this job trains on is made first.
import * as z from 'zod';
import { apiVersion } from '../names/group.ts';
import { decimal } from '../schema/decimal.ts';
import { trainSource } from './dataset.ts';
import { fineTuneJobSpec, objectMeta } from './job.ts';
import { model } from './model.ts';
import { folderOf } from './source.ts';

export const transferKind = 'Transfer';

const from = z.strictObject({
  model: model.describe('The base that the adapter was trained on.'),
  adapter: folderOf('from.adapter').describe('Folder with the adapter in PEFT’s format.'),
});

const generation = z.strictObject({
  temperature: decimal({ above: 0, max: 5 }).default('1').describe('Temperature.'),
  topP: decimal({ above: 0, max: 1 })
    .default('0.95')
    .describe('Share of the most likely tokens that may be drawn.'),
  maxTokens: z
    .int32()
    .min(1)
    .max(8192)
    .default(128)
    .describe(
      'Longest prompt, in tokens; less where the context of the base ends before. A longer one is not kept.',
    ),
});

export type Generation = z.output<typeof generation>;

const gate = z.strictObject({
  minRelative: decimal({ min: 0, max: 10 }).describe(
    'Least score of the new adapter as a share of that of the old one; with less nothing is published.',
  ),
  tests: trainSource
    .optional()
    .describe(
      'Records of the task, with answers, that both adapters answer; when absent the held-out prompts with the answers of the old adapter.',
    ),
});

export const transferSpec = z.strictObject({
  from: from.describe('The adapter that is to be moved.'),
  samples: z
    .int32()
    .min(1)
    .max(1_000_000)
    .default(500)
    .describe('Prompts to train on, with the answers of the old adapter.'),
  heldOut: z
    .int32()
    .min(1)
    .max(10_000)
    .default(32)
    .describe('Further ones that are not trained on: both adapters are compared on them.'),
  maxCandidates: z
    .int32()
    .min(1)
    .max(10_000_000)
    .default(20_000)
    .describe('Most prompts to generate, kept or not.'),
  generation: generation.prefault({}).describe('How the new base makes prompts.'),
  minProbability: decimal({ min: 0, max: 1 })
    .default('0.5')
    .describe(
      'Least probability of a prompt to be one of the task, as the discriminator of the kit says it. 0 keeps all.',
    ),
  answerTokens: z
    .int32()
    .min(1)
    .max(32_768)
    .default(256)
    .describe('Longest answer, in tokens. A prompt with a longer one is not kept.'),
  gate: gate.optional().describe('When the new adapter is refused. Scores are always reported.'),
  job: fineTuneJobSpec.describe(
    'The job that trains the new adapter. Its dataset.train is the kit of the old one: what it trains on is made from that.',
  ),
});

export type TransferSpec = z.output<typeof transferSpec>;

export const transfer = z.strictObject({
  apiVersion: z.literal(apiVersion).describe('Version of the schema of this file.'),
  kind: z.literal(transferKind).describe('Kind of the object.'),
  metadata: objectMeta.describe('Name, namespace and labels of the transfer.'),
  spec: transferSpec.describe('The desired state.'),
});

export type Transfer = z.output<typeof transfer>;
