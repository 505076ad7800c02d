// The folder of a transfer, which is the run folder of its job too, and the kit of an adapter: what
// is kept of its records so that it can be moved to another base.
//
//   transfer.json         who, what, where                       `anneal transfer`
//   synthetic/candidates.jsonl  prompts in lines of some, and which were kept   synthesize
//   synthetic/train.jsonl, held-out.jsonl   records that the job trains on, and others   synthesize
//   synthetic.json        what was made                          synthesize
//   comparison.json       both adapters on the same prompts      compare
//   the files of a run    crds/wire/run-folder.ts
import * as z from 'zod';
import { transferSpec } from '../api/transfer.ts';
import { digest, localWork } from './local-work.ts';

export const transferFiles = {
  transfer: 'transfer.json',
  folder: 'synthetic',
  candidates: 'candidates.jsonl',
  train: 'train.jsonl',
  heldOut: 'held-out.jsonl',
  synthetic: 'synthetic.json',
  comparison: 'comparison.json',
  /** Beside the result. */
  report: 'transfer.json',
  kit: 'kit.json',
} as const;

const count = z.int().min(0);
const text = z.string();

export const transferRecord = z.object({ ...localWork, spec: transferSpec });

export type TransferRecord = z.output<typeof transferRecord>;

/** How a record of the task is written around a prompt. */
const promptForm = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('Chat'),
    /** What every conversation begins with. */
    system: text.optional(),
    /** Where they are not those of the model. */
    chatTemplate: text.optional(),
    chatTemplateArguments: z.record(z.string(), z.string()).optional(),
  }),
  /** `ending`: white space between prompt and completion. */
  z.object({ type: z.literal('PromptCompletion'), ending: text }),
]);

export type PromptForm = z.output<typeof promptForm>;

/** Logistic regression on the mean hidden state of a prompt, in float64. */
const discriminator = z.object({
  /** Of each feature: what is subtracted from it, and what it is divided by then. */
  mean: z.array(z.number()),
  scale: z.array(z.number()),
  weights: z.array(z.number()),
  bias: z.number(),
  /** Prompts of the task, and generated ones, that it was fitted to. */
  real: count,
  generated: count,
  /** Area under the ROC curve on others; 0.5 is guessing. */
  auc: z.number(),
  /** Of those others, shares with a probability of at least one half. */
  keptReal: z.number(),
  keptGenerated: z.number(),
});

export type Discriminator = z.output<typeof discriminator>;

export const transferKit = z.object({
  version: z.literal(1),
  /** Fields with texts of records: they are as confidential as the records. */
  clientData: z.tuple([z.literal('seeds')]),
  /** The base whose hidden states the discriminator reads. */
  base: z.object({ digest: z.string(), name: z.string() }),
  form: promptForm,
  seeds: z.array(text).min(1).max(64),
  discriminator,
});

export type TransferKit = z.output<typeof transferKit>;

/** Why a candidate was not kept. */
const refusal = z.enum([
  'Endless',
  'Empty',
  'Repeated',
  'Unlike',
  'TooLong',
  'EndlessAnswer',
  'EmptyAnswer',
]);
export type Refusal = z.output<typeof refusal>;

const candidate = z.union([
  z.object({ prompt: text, answer: text, probability: z.number() }),
  z.object({ refused: refusal }),
]);

export type Candidate = z.output<typeof candidate>;

/** A line of the candidates: those from `first` on, decoded together. */
export const candidateLine = z.object({
  first: count,
  candidates: z.array(candidate).max(4096),
  /** SHA-256 of this line without it and of the digest before. */
  digest,
});

export type CandidateLine = z.output<typeof candidateLine>;

export const syntheticRecord = z.object({
  version: z.literal(1),
  /** Of all that decides the candidates. */
  inputs: digest,
  form: promptForm,
  candidates: count,
  train: count,
  heldOut: count,
  refused: z.partialRecord(refusal, count),
  /** Of the kept ones. */
  meanProbability: z.number(),
  /** SHA-256 of the files. */
  files: z.object({ train: digest, heldOut: digest }),
});

export type SyntheticRecord = z.output<typeof syntheticRecord>;

/** Mean overlap with the reference, and the share that is equal to it. */
const score = z.object({ overlap: z.number(), exact: z.number() });
export type Score = z.output<typeof score>;

export const comparisonRecord = z.object({
  version: z.literal(1),
  on: z.enum(['HeldOut', 'Tests']),
  /** Of the records with the references. */
  records: z.string().max(200),
  prompts: count,
  teacher: score,
  student: score,
  /** The new base without an adapter. */
  base: score,
  /** Overlap of the student by that of the teacher; absent where the teacher has none. */
  relative: z.number().optional(),
});

export type ComparisonRecord = z.output<typeof comparisonRecord>;

export const transferReport = z.object({
  version: z.literal(1),
  from: z.object({ base: z.string(), adapter: z.string() }),
  synthetic: syntheticRecord,
  comparison: comparisonRecord,
});
