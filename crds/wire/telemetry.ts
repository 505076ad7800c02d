// What a training process says while it works, to whoever watches: a terminal, a supervisor, the
// bus. One message is one event; as text it is one line of JSON. Reading is tolerant: unknown keys
// are dropped, so that versions may differ by one.
//
// A watcher needs no state but the last messages: every `step` carries totals, and `plan` comes
// before the first step.
import * as z from 'zod';
import { model } from '../api/model.ts';
import type { FailureCode } from '../failures/table.ts';
import { artifactEvaluation } from './artifact-evaluation.ts';
import { attentionEntries } from './attention-entries.ts';
import { pictureLikeness } from './picture-likeness.ts';
import { wordErrors } from './word-errors.ts';

const count = z.int().min(0);
const bytes = z.int().min(0);
/** JSON has no infinity: a loss that is not finite is null, and a `warning` says so. */
const real = z.number().nullable();

/** Seconds since 1970 at which the message was made. */
const stamped = { time: z.number() };

/** Work before the first step and after the last: `fetch model 120/520 MB`. */
export const stageMessage = z.object({
  ...stamped,
  type: z.literal('stage'),
  stage: z.enum([
    'Resolve',
    'Fetch',
    'Verify',
    'Prepare',
    'Load',
    'Train',
    'Evaluate',
    'Export',
    'Upload',
  ]),
  state: z.enum(['Started', 'Running', 'Done']),
  /** What is being worked on: a file, a source. */
  subject: z.string().optional(),
  done: count.optional(),
  total: count.optional(),
  unit: z.enum(['Bytes', 'Records', 'Tokens', 'Tensors', 'Layers', 'Blocks', 'Files']).optional(),
  /** Numbers worth a line when the stage is done: skipped records, cache hits. */
  note: z.string().optional(),
});

export const memoryParts = z.object({
  weights: bytes,
  optimizer: bytes,
  gradients: bytes,
  activations: bytes,
  workspace: bytes,
  /** The sum of the parts, which are those of the moment of the largest sum. */
  peak: bytes,
});

/**
 * Training steps, what an adapter computes from the weights before, the pass of a teacher,
 * evaluation, answers to prompts, and reading the result back in a process of its own.
 */
export const stageName = z.enum(['Step', 'Decompose', 'Teach', 'Evaluate', 'Sample', 'Publish']);

/** What will happen, once, before the first step. */
export const planMessage = z.object({
  ...stamped,
  type: z.literal('plan'),
  job: z.string(),
  model: z.object({ name: z.string(), family: z.string(), parameters: count }),
  /** What it learns; the next token where nothing is said. */
  task: model.shape.task,
  /** `LoRA r=16 on all linear layers`, in words. */
  method: z.string(),
  trainableParameters: count,
  precision: z.string(),
  device: z.string(),
  /** Of each worker. */
  threads: count.optional(),
  /** Trainers that share the model; one where nothing is said. */
  workers: count.optional(),
  /** By what devices of several workers exchange: `NCCL 2.30.7`, or `Gloo`. */
  exchange: z.string().optional(),
  totalSteps: count,
  /** Step to start from: above 0 after a resume. */
  firstStep: count,
  sequencesPerStep: count,
  tokensPerStep: count,
  samples: count,
  heldOutSamples: count,
  /** Number of blocks whose tape is kept, recomputed, or offloaded. */
  blocks: z.object({ keep: count, recompute: count, offload: count }),
  /** Of the device; on a processor that is the process. */
  memory: memoryParts,
  /** When the peak is, and the peak of each stage that the job has. */
  memoryStage: stageName.optional(),
  memoryStages: z.array(z.object({ stage: stageName, peak: bytes })).optional(),
  memoryLimit: bytes.optional(),
  /** Of the process, where `memory` is that of a device with memory of its own. */
  hostMemory: z.object({ peak: bytes, limit: bytes.optional() }).optional(),
});

/** Milliseconds; the parts need not cover the whole. */
export const stepMs = z.object({
  total: z.number(),
  compute: z.number(),
  data: z.number(),
  update: z.number().optional(),
  gather: z.number().optional(),
  reduce: z.number().optional(),
  save: z.number().optional(),
  /** Time of processors, of all threads; less than they had where other programs took it. */
  processor: z.number().optional(),
});

/** As libtorch's caching allocator counts it; the memory of the CUDA context is not in it. */
const deviceMemory = z.object({
  /** Reserved by the allocator. */
  now: bytes,
  /** The most that it had reserved. */
  peak: bytes,
  /** In use by tensors. */
  allocated: bytes,
});

export const stepMessage = z.object({
  ...stamped,
  type: z.literal('step'),
  /** 1 after the first optimizer step. */
  step: count,
  totalSteps: count,
  epoch: z.number(),
  /** Mean over target tokens, in nats. */
  loss: real,
  /** What the adapter's own term added to the loss that was minimized; not part of `loss`. */
  regularization: real.optional(),
  targetTokens: count,
  /** All tokens of this step, targets or not. */
  tokens: count,
  /** Since the start of the job, runs before a resume included. */
  tokensSeen: count,
  tokensPerSecond: z.number(),
  gradNorm: real,
  /** 1 when nothing was clipped. */
  clipFactor: real,
  learningRate: z.number(),
  stepMs,
  /** Of the process, and of its device where that has memory of its own. */
  memory: z.object({ now: bytes, peak: bytes, device: deviceMemory.optional() }),
  /** Share of the peak speed of the device that the step reached, where known. */
  speedOfLight: z.number().optional(),
  skipped: z.boolean().optional(),
  /**
   * Of the values inside the MLPs, with a density loss: their term, without its weight, and the
   * share that is in use.
   */
  density: z.object({ loss: z.number(), share: z.number() }).optional(),
  /**
   * Of a mixture of experts: the balance, which is 1 where all experts are alike, and the share of
   * the tokens that each got.
   */
  experts: z.object({ balance: z.number(), shares: z.array(z.number()).max(256) }).optional(),
  /** Modules whose weights have another fixed point from the next step on. */
  switches: z
    .array(z.object({ module: z.string(), bits: count, fraction: z.int() }))
    .max(65_536)
    .optional(),
  /** Of distillation: mean divergence from the teacher, as it is minimized; not part of `loss`. */
  divergence: real.optional(),
  /** What the method says of itself: `blocks 3 and 17 of 30, until step 40`. */
  method: z.string().optional(),
});

export const evaluationMessage = z.object({
  ...stamped,
  type: z.literal('evaluation'),
  step: count,
  loss: real,
  perplexity: real,
  /** Share of target tokens that the model would have chosen itself. */
  accuracy: real.optional(),
  likeness: pictureLikeness.optional(),
  wordErrors: wordErrors.optional(),
  /** Where objects are tracked: mean IoU of the found boxes with the right ones. */
  overlap: real.optional(),
  tokens: count,
  attention: attentionEntries.optional(),
  seconds: z.number().optional(),
  best: z.boolean().optional(),
});

export const sampleMessage = z.object({
  ...stamped,
  type: z.literal('sample'),
  step: count,
  /** Number of the prompt in the job. */
  index: count,
  prompt: z.string(),
  text: z.string(),
});

export const checkpointMessage = z.object({
  ...stamped,
  type: z.literal('checkpoint'),
  step: count,
  path: z.string(),
  bytes,
  ms: z.number(),
  best: z.boolean().optional(),
  /** Steps whose checkpoints are there now, rising: the newest `mostKeptTold` of them. */
  kept: z.array(count).optional(),
});

/** A message must stay small where every hundredth step of a long run is kept. */
export const mostKeptTold = 500;

/** A result that was written, with what the check after reloading found. */
export const artifactMessage = z.object({
  ...stamped,
  type: z.literal('artifact'),
  /** Value of spec.output.formats. */
  format: z.string(),
  path: z.string(),
  bytes,
  report: z
    .object({
      largestLogitGap: real,
      klDivergence: real.optional(),
      allowedDivergence: z.number().min(0).optional(),
      tokens: count.optional(),
    })
    .optional(),
  evaluation: artifactEvaluation.optional(),
});

/** Warnings that somebody acts on. */
export const warningReason = {
  /** There was no room for a checkpoint. */
  storageFull: 'StorageFull',
  /** One worker is much slower than the others; said again every five minutes. */
  straggler: 'Straggler',
  /** None is any more. */
  inStep: 'InStep',
} as const;

export const warningMessage = z.object({
  ...stamped,
  type: z.literal('warning'),
  /** A condition reason, or a word of its own. */
  reason: z.string(),
  message: z.string(),
  step: count.optional(),
});

export const endMessage = z.object({
  ...stamped,
  type: z.literal('end'),
  reason: z.enum(['Finished', 'FinishedEarly', 'Stopped']),
  step: count,
  seconds: z.number(),
  /** The run report, when one was written. */
  report: z.string().optional(),
});

export const failureMessage = z.object({
  ...stamped,
  type: z.literal('failure'),
  // Tolerant on purpose: a newer worker may know codes that this reader does not.
  code: z.string().transform((code) => code as FailureCode),
  reason: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  path: z.string().optional(),
  step: count.optional(),
});

export const telemetry = z.discriminatedUnion('type', [
  stageMessage,
  planMessage,
  stepMessage,
  evaluationMessage,
  sampleMessage,
  checkpointMessage,
  artifactMessage,
  warningMessage,
  endMessage,
  failureMessage,
]);

export type Telemetry = z.output<typeof telemetry>;
export type TelemetryOf<T extends Telemetry['type']> = Extract<Telemetry, { type: T }>;
export type MemoryParts = z.output<typeof memoryParts>;
/** A message before its time is stamped on it. */
export type TelemetryBody = Telemetry extends infer M
  ? M extends Telemetry
    ? Omit<M, 'time'>
    : never
  : never;
