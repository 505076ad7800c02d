// The report that a run leaves beside its results: what was asked, what was predicted, what was
// measured. People read it, and benchmarks compare it, so it says nothing that was not observed:
// what was not measured is absent.
import * as z from 'zod';
import { artifactEvaluation } from './artifact-evaluation.ts';
import { attentionEntries } from './attention-entries.ts';
import { pictureLikeness } from './picture-likeness.ts';
import { stageName } from './telemetry.ts';
import { wordErrors } from './word-errors.ts';

const count = z.int().min(0);
const bytes = z.int().min(0);
const real = z.number().nullable();
const seconds = z.number().min(0);

const memoryParts = z.object({
  weights: bytes,
  optimizer: bytes,
  gradients: bytes,
  activations: bytes,
  workspace: bytes,
});

const evaluationPoint = z.object({
  step: count,
  /** Mean over target tokens, in nats; null when it was not finite. */
  loss: real,
  perplexity: real,
  accuracy: real.optional(),
  likeness: pictureLikeness.optional(),
  wordErrors: wordErrors.optional(),
  /** Where objects are tracked: mean IoU of the found boxes with the right ones. */
  overlap: real.optional(),
  tokens: count,
  attention: attentionEntries.optional(),
});

export const runReport = z.object({
  version: z.literal(1),
  job: z.object({
    name: z.string(),
    /** SHA-256 of the spec with all defaults, in canonical JSON. */
    specDigest: z.string(),
    /** Axes in force, presets resolved, as in `status.plan.method`. */
    method: z.unknown(),
    summary: z.string(),
  }),
  program: z.object({ version: z.string(), node: z.string(), libtorch: z.string().optional() }),
  device: z.object({
    type: z.enum(['cpu', 'cuda']),
    name: z.string(),
    /** Memory of the device, where it has its own. */
    bytes: bytes.optional(),
    threads: count.optional(),
  }),
  model: z.object({
    name: z.string(),
    family: z.string(),
    format: z.enum(['Safetensors', 'GGUF']),
    digest: z.string().optional(),
    parameters: count,
    trainableParameters: count,
  }),
  dataset: z.object({
    digest: z.string(),
    samples: count,
    heldOutSamples: count,
    sequences: count,
    tokens: count,
    targetTokens: count,
    /** By reason. */
    skipped: z.record(z.string(), count),
  }),
  training: z.object({
    steps: count,
    totalSteps: count,
    tokensSeen: count,
    firstLoss: real,
    lastLoss: real,
    skippedSteps: count,
    rollbacks: count,
    /**
     * Medians over the steps of all processes but the first step of each; of a long run over as
     * many as 512 of them, evenly apart.
     */
    stepMs: z.number().optional(),
    /** Of a step, the time of processors, of all threads of a process. */
    processorMs: z.number().optional(),
    tokensPerSecond: z.number().optional(),
  }),
  evaluation: z.object({
    before: evaluationPoint.optional(),
    /** At the last step. */
    after: evaluationPoint.optional(),
    /** At the best step, the start left out. */
    best: evaluationPoint.optional(),
    all: z.array(evaluationPoint),
  }),
  /** Before the first step, and by the state that was published. */
  samples: z.array(
    z.object({ prompt: z.string(), before: z.string().optional(), after: z.string().optional() }),
  ),
  /** Which state was published, and why this one. */
  result: z.object({ step: count, choice: z.enum(['Best', 'Last']), why: z.string() }).optional(),
  memory: z.object({
    /** Of the process that trains, in its largest stage. */
    predicted: z
      .object({ parts: memoryParts, peak: bytes, stage: stageName.optional() })
      .optional(),
    measured: z.object({ peak: bytes }),
    /** (measured - predicted) / predicted, of all runs of the process. */
    gap: z.number().optional(),
    /** The runs that trained in the process, where it was more than this one, and their plan. */
    together: z.object({ runs: count, predicted: bytes }).optional(),
    /** The device, where it has memory of its own. */
    device: z
      .object({
        predicted: z
          .object({
            parts: memoryParts,
            peak: bytes,
            /** Of the peak, what the allocator does not count: the CUDA context. */
            outside: bytes.optional(),
            stage: stageName.optional(),
          })
          .optional(),
        /** Reserved by the allocator at most, and in use by tensors at most. */
        measured: z.object({ peak: bytes, allocated: bytes.optional() }),
        /** (measured - expected) / expected, where expected is the peak without `outside`. */
        gap: z.number().optional(),
      })
      .optional(),
    /** The process that writes the result and reads it back. */
    publish: z
      .object({ predicted: bytes, measured: bytes.optional(), gap: z.number().optional() })
      .optional(),
    blocks: z.object({ keep: count, recompute: count, offload: count }).optional(),
  }),
  /**
   * Fixed point that the weights of modules were rounded to in the end, where each has its own:
   * integers of so many bits times 2^-fraction. Of 32 bits are those that were not rounded.
   */
  formats: z
    .array(z.object({ module: z.string(), bits: count, fraction: z.int() }))
    .max(65_536)
    .optional(),
  /** Folder of pictures before and after, of tasks that have some to show. */
  pictures: z.string().optional(),
  artifacts: z.array(
    z.object({
      format: z.string(),
      path: z.string(),
      bytes,
      /** `sha256:…` over the names of its files and what is in them. */
      digest: z.string().optional(),
      /** Where it was uploaded to: `s3://bucket/prefix/adapter`, `hf://owner/name@commit`. */
      uris: z.array(z.string()).optional(),
      /** Of a GGUF file. */
      contents: z
        .object({
          /** How many of each type. */
          tensors: z.record(z.string(), count),
          /** Matrices whose rows are no whole blocks of the type that was asked for. */
          replaced: z.array(
            z.object({ wanted: z.string(), type: z.string(), columns: count, tensors: count }),
          ),
          bitsPerWeight: z.number().min(0),
          /** Without vectors, token embedding and head. */
          linearBitsPerWeight: z.number().min(0),
        })
        .optional(),
      reload: z
        .object({
          largestLogitGap: real,
          klDivergence: real.optional(),
          /**
           * What rounding to the type of the file explains; 0 where the logits had to be the same.
           */
          allowedDivergence: z.number().min(0).optional(),
          tokens: count.optional(),
        })
        .optional(),
      /** Against the trained model, on records of the job; absent of an earlier version. */
      evaluation: artifactEvaluation.optional(),
    }),
  ),
  /** Those on the disk when training ended, oldest first, whichever process wrote them. */
  checkpoints: z.array(
    z.object({
      step: count,
      path: z.string(),
      bytes,
      /** How long training stood still for it. */
      ms: z.number().optional(),
    }),
  ),
  /**
   * Of all processes that worked on the run; what one did after its last save before it was killed
   * is not known.
   */
  seconds: z.object({
    fetch: seconds.optional(),
    prepare: seconds.optional(),
    load: seconds.optional(),
    train: seconds,
    evaluate: seconds.optional(),
    export: seconds.optional(),
    upload: seconds.optional(),
    total: seconds,
  }),
  warnings: z.array(z.object({ reason: z.string(), message: z.string(), step: count.optional() })),
  end: z.object({
    reason: z.enum(['Finished', 'FinishedEarly', 'Stopped', 'Failed']),
    code: z.string().optional(),
    message: z.string().optional(),
    /** When the first process began. */
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime(),
    /** Step from which the last process went on; 0 for a fresh start. */
    resumedFrom: count,
  }),
});

export type RunReport = z.output<typeof runReport>;
